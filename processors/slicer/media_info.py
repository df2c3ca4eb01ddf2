"""What is found in a media file: its container, its tracks, its length, what is wrong with it.

Made by `containers`, `track` and `faults`; `slicing` makes the AudioInfo of the records of it. Plain classes: a decoder process
imports this module, and validation is not its task.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaWarning:
    """See `schemas.warning.TranscriptWarning`."""

    code: str
    message: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class MediaTrack:
    """See `schemas.audio.AudioTrack`."""

    index: int
    channels: int
    language: str | None = None
    title: str | None = None
    default: bool = False


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """See `schemas.work.AudioInfo`."""

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    declared_duration_s: float | None = None
    duration_s: float = 0.0
    start_s: float = 0.0
    track: int = 0
    tracks: tuple[MediaTrack, ...] = ()
    warnings: tuple[MediaWarning, ...] = ()

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.declared_duration_s or 0.0, self.duration_s, self.start_s))):
            raise ValueError("a time that is not a finite number")
