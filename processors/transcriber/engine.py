"""What the transcriber asks of a speech model, and what it gets. `whisper.py` is the implementation.

Fed by `workers.py`, one batch at a time; imports no ML library.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.options import DecodingOptions
from schemas.segment import Segment

Samples = NDArray[np.int16] | NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ChunkAudio:
    """A chunk's audio, mono at 16 kHz, and how to read it. `options.language=None`: detected."""

    samples: Samples
    options: DecodingOptions


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A chunk's text. Segments have times in seconds of the chunk's own audio; `inference_s` is its share of the batch's time."""

    language: str
    language_probability: float
    segments: tuple[Segment, ...]
    avg_logprob: float
    no_speech_prob: float
    inference_s: float


@dataclass(frozen=True, slots=True)
class Group:
    """What chunks must have in common to share a batch: the encoder's length, and what is said once for all of a batch."""

    frames: int
    prompt: str | None
    beam_size: int
    words: bool


class Engine(Protocol):
    """Safe from as many threads as it has `replicas`."""

    replicas: int  # batches that can be transcribed side by side
    batch_size: int  # chunks in one of them; may shrink when memory runs out

    def warm_up(self) -> None:
        """Runs the model once, so that the first chunk is as fast as the next. Blocks; raises what is wrong with it."""

    def group(self, chunk: ChunkAudio) -> Group: ...

    def transcribe(self, batch: Sequence[ChunkAudio]) -> list[ChunkText]:
        """One text per chunk, in order; the same as one by one. Blocks. All chunks are of one group (else ValueError).

        Raises Invalid when a chunk's audio or language can never work.
        """
