"""What a media file states about itself, before it is decoded."""

from pydantic import Field

from schemas.record import Value


class AudioTrack(Value):
    """One audio track of a container. `index` counts audio tracks from 0."""

    index: int
    channels: int
    language: str | None = None
    title: str | None = None
    default: bool = False


class ProbedAudio(Value):
    """From the header of the file that a job was requested for. Nothing of it is verified."""

    container: str
    codec: str
    duration_s: float | None = Field(None, description="None: not stated")
    tracks: tuple[AudioTrack, ...] = ()
