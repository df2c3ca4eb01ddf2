"""The messages between the slicer and a decoder process, over a pipe in each direction: a kind, a length, a payload.

The slicer does not trust what it receives: a message that is too large or of no known kind raises `ProtocolError`.
"""

import os
import struct
from enum import IntEnum

from pydantic import BaseModel, Field

from schemas.options import RawFormat

PAYLOAD_MAX_BYTES = 1 << 20
_HEADER = struct.Struct("<BI")
_RANGE = struct.Struct("<QI")


class Kind(IntEnum):
    """Upper half: from the slicer. Lower half: from the child."""

    OPEN = 1  # a Request as JSON: decode this file
    DATA = 2  # what READ asked for; shorter at the end of the file

    READY = 17  # confined, and waiting for a file; the payload names what is enforced
    READ = 18  # where and how many bytes (`read_range`)
    OPENED = 19  # AudioInfo as JSON
    BLOCK = 20  # samples, s16 native byte order, mono, 16 kHz
    ENDED = 21  # AudioInfo as JSON; after the last block
    FAILED = 22  # a Refusal as JSON; the child is ready for the next file
    BROKEN = 23  # a traceback as UTF-8: a bug, or a file that provokes one


class Request(BaseModel):
    size_bytes: int
    max_audio_s: float
    track: int | None = None
    raw_format: RawFormat | None = None


class Refusal(BaseModel):
    """An `Invalid` of the child's."""

    reason: str = Field(max_length=40, pattern=r"^[a-z_]+$")
    message: str = Field(max_length=20_000)


class ProtocolError(Exception):
    """The other side does not keep to the protocol."""


def read_range(payload: bytes) -> tuple[int, int]:
    """Offset and size of a READ. Raises ProtocolError."""
    try:
        offset, size = _RANGE.unpack(payload)
    except struct.error as error:
        raise ProtocolError("a READ of the wrong size") from error
    if not 0 < size <= PAYLOAD_MAX_BYTES:
        raise ProtocolError(f"a READ of {size} bytes")
    return offset, size


def range_of(offset: int, size: int) -> bytes:
    return _RANGE.pack(offset, size)


def send(fd: int, kind: Kind, payload: bytes | memoryview = b"") -> None:
    """Blocks until the pipe has taken all of it. Raises OSError when nobody reads it any more."""
    data = memoryview(payload).cast("B")
    parts = [memoryview(_HEADER.pack(kind, len(data))), data]
    while parts:
        written = os.writev(fd, parts)
        while parts and written >= len(parts[0]):
            written -= len(parts.pop(0))
        if parts:
            parts[0] = parts[0][written:]


class Receiver:
    """Splits what a pipe delivers into messages. `take()` after each `fill()`, until it returns None."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = bytearray()
        self._at = 0

    def fill(self) -> bool:
        """Reads once; blocks when there is nothing to read. False: the other side has closed the pipe."""
        del self._buffer[: self._at]
        self._at = 0
        data = os.read(self._fd, PAYLOAD_MAX_BYTES)
        self._buffer += data
        return bool(data)

    def take(self) -> tuple[Kind, bytes] | None:
        """The next message that is complete. Raises ProtocolError."""
        if len(self._buffer) - self._at < _HEADER.size:
            return None
        number, size = _HEADER.unpack_from(self._buffer, self._at)
        if size > PAYLOAD_MAX_BYTES:
            raise ProtocolError(f"a message of {size} bytes")
        begin = self._at + _HEADER.size
        if len(self._buffer) < begin + size:
            return None
        try:
            kind = Kind(number)
        except ValueError as error:
            raise ProtocolError(f"a message of kind {number}") from error
        self._at = begin + size
        return kind, bytes(memoryview(self._buffer)[begin : self._at])

    def next(self) -> tuple[Kind, bytes] | None:
        """Blocks until a message is complete; None when the other side has closed the pipe."""
        while (message := self.take()) is None:
            if not self.fill():
                return None
        return message
