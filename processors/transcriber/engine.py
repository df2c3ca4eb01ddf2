"""The interface of a speech model. `whisper.py` is the implementation.

Fed by `workers.py`, one batch at a time; imports no ML library.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.options import DecodingOptions
from schemas.segment import Segment
from schemas.sound import SAMPLE_RATE_HZ
from schemas.warning import TranscriptWarning

Samples = NDArray[np.int16] | NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What the model reads at once: a chunk or a part of it, mono at 16 kHz, and how to read it. `options.language=None`:
    detected. `pauses`: samples between which speech rests, where the window may be cut. `joins_s`: times in the window at which
    the slicer has taken a long pause out; no segment reaches over one."""

    samples: Samples
    options: DecodingOptions
    pauses: tuple[int, ...] = ()
    joins_s: tuple[float, ...] = ()

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class LanguagePart:
    """A stretch of a window in one language, in samples."""

    start: int
    end: int
    language: str
    probability: float


@dataclass(frozen=True, slots=True)
class WindowText:
    """What the model wrote for a window, with times in seconds of the window.

    `segments` are closed by a time stamp. `tail` is the text after the last of them, without a closing time stamp.
    `read_to_s`: where the last segment closes; decoding may go on from there. `at_rest`: the model means that nothing follows.
    `parts`: the window has several languages and was not decoded; each part is a window of its own. `runaway`: the text looks
    invented or repeated, or no temperature gave one that the model finds likely. `inference_s` is the window's share of its
    batch's time.
    """

    language: str
    language_probability: float
    segments: tuple[Segment, ...] = ()
    tail: Segment | None = None
    read_to_s: float = 0.0
    at_rest: bool = False
    parts: tuple[LanguagePart, ...] = ()
    runaway: bool = False
    warnings: tuple[TranscriptWarning, ...] = ()
    inference_s: float = 0.0

    @property
    def whole(self) -> str:
        """All of the text."""
        return " ".join(segment.text for segment in (*self.segments, *([self.tail] if self.tail else [])))


@dataclass(frozen=True, slots=True)
class Group:
    """What windows must have in common to share a batch: the encoder's length, and the options that apply to a whole batch."""

    frames: int
    hotwords: str | None
    prompt: str | None
    beam_size: int
    temperature: tuple[float, ...]
    suppress_tokens: tuple[int, ...]
    words: bool

    @classmethod
    def of(cls, frames: int, options: DecodingOptions) -> "Group":
        return cls(
            frames,
            options.hotwords,
            options.prompt,
            options.beam_size,
            options.temperature,
            options.suppress_tokens,
            options.words,
        )


class Engine(Protocol):
    """May be called from as many threads as it has `replicas`."""

    on_gpu: bool
    replicas: int  # batches that can be transcribed in parallel
    batch_size: int  # windows in one of them; may shrink when memory runs out

    def warm_up(self) -> None:
        """Runs the model once, so that the first window is as fast as later ones. Blocks; raises the model's errors."""

    def group(self, window: Window) -> Group: ...

    def transcribe(self, batch: Sequence[Window]) -> list[WindowText]:
        """One text per window, in order; the same as one by one. Blocks. All windows are of one group (else ValueError).

        Raises Invalid when a window's audio, language or suppressed tokens can never work.
        """
