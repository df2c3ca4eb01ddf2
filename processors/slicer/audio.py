"""The interface between untrusted media and the rest of the slicer: the input and the output of a decoder.

Implemented by `decode.py` in the calling process, and by `sandbox` in a separate process, which is what a slicer uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from processors.slicer.media_info import MediaInfo
from runtime.errors import Invalid

if TYPE_CHECKING:  # validated by pydantic, which a decoder process does without
    from schemas.options import RawFormat

Samples = NDArray[np.int16]  # mono, 16 kHz
BLOCK_SAMPLES = 32 * 512  # about a second, and a whole number of the detector's windows


class Seekable(Protocol):
    """As much of a binary file as decoding needs."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


class MediaFile(Seekable, Protocol):
    """What a decoder is given."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


def media_file(file: BinaryIO) -> MediaFile:
    """The same file: binary files have `readinto`, which BinaryIO does not declare."""
    return cast("MediaFile", file)


class DecoderUsage(NamedTuple):
    """Of one file. `peak_memory_bytes`: the highest memory of the decoder process while it decoded the file."""

    cpu_s: float
    peak_memory_bytes: int


class OpenAudio(Protocol):
    """A file whose first samples have been decoded."""

    @property
    def info(self) -> MediaInfo:
        """As stated by the container; `duration_s` and `warnings` are complete after the last block."""

    @property
    def usage(self) -> DecoderUsage | None:
        """After the last block; None before it, and where decoding is not measured: in the calling process."""

    def blocks(self) -> Iterator[Samples]:
        """Every sample, from 0 of the player's clock (`clock.py`), BLOCK_SAMPLES at a time (the last block may be shorter).
        Can be read once. Raises Invalid("too_long"), and what reading the file raises."""


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """`track`: the audio track to decode; None: the best that has samples. `raw_format`: the format assumed for a file without a
    header. `loudness`, `highpass`: see `preparation`."""

    max_audio_s: float
    track: int | None = None
    raw_format: RawFormat | None = None
    loudness: bool = False
    highpass: bool = False


# Ordinary files take 0.01 s to open, and 0.001 to 0.02 s for each second.
ORDINARY_CPU_S = 0.1
ORDINARY_CPU_S_PER_S = 0.05


class Progress(NamedTuple):
    """How far decoding of a file is: seconds of audio decoded, and seconds of CPU time used where that is known."""

    decoded_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def is_slow(self) -> bool:
        """More CPU time than ordinary files of that length take."""
        return self.cpu_s > ORDINARY_CPU_S + ORDINARY_CPU_S_PER_S * self.decoded_s


Check = Callable[[Progress], None]


def no_check(_progress: Progress) -> None:
    """For a file that is never cancelled."""


def too_long(max_audio_s: float) -> Invalid:
    return Invalid("too_long", f"the audio is longer than {max_audio_s:.0f} s, which is the limit here (MURMUR_MAX_AUDIO_S)")


class Decoder(Protocol):
    def __call__(self, file: MediaFile, options: DecodeOptions, check: Check = no_check) -> AbstractContextManager[OpenAudio]:
        """Decodes a file from its first byte; does not close it. `check` is called repeatedly meanwhile; what it raises ends the
        decoding. Raises Invalid (reasons: `decode.py`) when not one sample can be decoded, and what reading the file
        raises."""
