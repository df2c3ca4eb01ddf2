"""The seam between untrusted media and the rest of the slicer: what a decoder is given, and what it gives.

Implemented by `decode.py` in the process that calls it, and by `sandbox` in a process of its own, which is what a slicer uses.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.options import RawFormat
from schemas.work import AudioInfo

Samples = NDArray[np.int16]  # mono, 16 kHz
BLOCK_SAMPLES = 32 * 512  # about a second, and a whole number of the detector's windows


class Seekable(Protocol):
    """As much of a binary file as decoding needs."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


class OpenAudio(Protocol):
    """A file whose first samples have been decoded."""

    @property
    def info(self) -> AudioInfo:
        """What the container says; `duration_s` and `warnings` are complete once the blocks are."""

    def blocks(self) -> Iterator[Samples]:
        """Every sample once, from 0 of the player's clock (`clock.py`), BLOCK_SAMPLES at a time (the last block may be shorter).
        Once only. Raises Invalid("too_long"),
        and what reading the file raises."""


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """`track`: this audio track and no other, else the best that has samples. `raw_format`: what a file without a header is taken
    for."""

    max_audio_s: float
    track: int | None = None
    raw_format: RawFormat | None = None


class Spent(NamedTuple):
    """What decoding a file has come to so far: seconds of sound, and of CPU time where that is known."""

    decoded_s: float = 0.0
    cpu_s: float = 0.0


Check = Callable[[Spent], None]


def nothing_to_check(_spent: Spent) -> None:
    """A file that nobody cancels."""


class Decoder(Protocol):
    def __call__(
        self, file: Seekable, options: DecodeOptions, check: Check = nothing_to_check
    ) -> AbstractContextManager[OpenAudio]:
        """Opens a file, from its first byte; leaves it open. `check` is called again and again while it works; what that raises
        ends the decoding. Raises Invalid (reasons: `decode.py`) when not one sample can be had from it, and what reading it
        raises."""
