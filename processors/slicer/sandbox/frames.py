"""The messages between the slicer and a decoder process, over a pipe in each direction: a kind, a length, a payload.

The file's bytes and its samples are in `memory`; messages state how many.
The slicer does not trust what it receives: a message that is too large or of no known kind raises `ProtocolError`.
"""

import json
import math
import os
import re
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import IntEnum

from processors.slicer.audio import DecodeOptions
from processors.slicer.media_info import MediaInfo
from processors.slicer.sandbox.memory import FILE_BYTES

PAYLOAD_MAX_BYTES = 1 << 20  # a description with every track and warning is far smaller
_HEADER = struct.Struct("<BI")
_RANGE = struct.Struct("<QI")
_COUNT = struct.Struct("<I")
MESSAGE_MAX_CHARACTERS = 20_000
_REASON = re.compile("[a-z_]{1,40}")


class Kind(IntEnum):
    """Upper half: from the slicer. Lower half: from the child."""

    OPEN = 1  # a Request as JSON: decode this file
    DATA = 2  # how many of the bytes that READ requested are in the memory; fewer at the end of the file
    TAKEN = 3  # the samples have been copied: their area is free

    READY = 17  # confined, and waiting for a file; the payload names what is enforced
    READ = 18  # where and how many bytes (`read_range`)
    OPENED = 19  # a MediaInfo as JSON
    SAMPLES = 20  # how many samples (s16 native byte order, mono, 16 kHz) are in the next area of the memory
    ENDED = 21  # an Ended as JSON; after the last samples
    FAILED = 22  # a Refusal as JSON; the child is ready for the next file
    BROKEN = 23  # a traceback as UTF-8: a bug, or a file that provokes one


Message = tuple[Kind, memoryview]


@dataclass(frozen=True, slots=True)
class Request:
    size_bytes: int
    options: DecodeOptions
    probe: bool = False  # only open it: the answer is ENDED, or FAILED


@dataclass(frozen=True, slots=True)
class Refusal:
    """An `Invalid` raised in the child."""

    reason: str
    message: str

    def __post_init__(self) -> None:
        if not _REASON.fullmatch(self.reason) or len(self.message) > MESSAGE_MAX_CHARACTERS:
            raise ValueError("not a reason and a message")


@dataclass(frozen=True, slots=True)
class Ended:
    """`cpu_s`: the CPU time of the child for this file."""

    info: MediaInfo
    cpu_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.cpu_s < math.inf:
            raise ValueError("not a time")


class ProtocolError(Exception):
    """The other side violates the protocol."""


def json_of(payload: Request | MediaInfo | Ended | Refusal) -> bytes:
    return json.dumps(asdict(payload)).encode()


def read_request(payload: memoryview) -> Request:
    """For the child, which trusts the slicer."""
    values = json.loads(bytes(payload))
    return Request(values["size_bytes"], DecodeOptions(**values["options"]), values["probe"])


def read_range(payload: memoryview) -> tuple[int, int]:
    """Offset and size of a READ. Raises ProtocolError."""
    try:
        offset, size = _RANGE.unpack(payload)
    except struct.error as error:
        raise ProtocolError("a READ of the wrong size") from error
    if not 0 < size <= FILE_BYTES:
        raise ProtocolError(f"a READ of {size} bytes")
    return offset, size


def read_count(payload: memoryview, maximum: int) -> int:
    """Of DATA or SAMPLES. Raises ProtocolError."""
    try:
        (count,) = _COUNT.unpack(payload)
    except struct.error as error:
        raise ProtocolError("a number of the wrong size") from error
    if not 0 <= count <= maximum:
        raise ProtocolError(f"the number {count}, which is more than {maximum}")
    return int(count)


def count_of(count: int) -> bytes:
    return _COUNT.pack(count)


def range_of(offset: int, size: int) -> bytes:
    return _RANGE.pack(offset, size)


def blocked() -> None:
    """A pipe that blocks is never found full."""


def send(fd: int, kind: Kind, payload: bytes | memoryview = b"", when_full: Callable[[], None] = blocked) -> None:
    """Returns once the pipe has taken all of it. `when_full` waits until a pipe that does not block has room, or raises. Raises
    OSError when the other end is closed."""
    data = memoryview(payload).cast("B")
    parts = [memoryview(_HEADER.pack(kind, len(data))), data]
    while parts:
        try:
            written = os.writev(fd, parts)
        except BlockingIOError:
            when_full()
            continue
        while parts and written >= len(parts[0]):
            written -= len(parts.pop(0))
        if parts:
            parts[0] = parts[0][written:]


class Receiver:
    """Splits what a pipe delivers into messages. `take()` after each `fill()`, until it returns None."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = bytearray(_HEADER.size + PAYLOAD_MAX_BYTES)  # reused: a large one is expensive to allocate
        self._view = memoryview(self._buffer)
        self._begin = self._end = 0  # of what has been received and not taken

    def fill(self) -> bool:
        """Reads once; blocks when there is nothing to read. False: the other side has closed the pipe."""
        if self._begin:
            left = self._end - self._begin
            self._view[:left] = self._view[self._begin : self._end]
            self._begin, self._end = 0, left
        count = os.readv(self._fd, [self._view[self._end :]])
        self._end += count
        return count > 0

    def take(self) -> Message | None:
        """The next message that is complete; its payload is valid until the next `fill()`. Raises ProtocolError."""
        begin = self._begin + _HEADER.size
        if self._end < begin:
            return None
        number, size = _HEADER.unpack_from(self._buffer, self._begin)
        if size > PAYLOAD_MAX_BYTES:
            raise ProtocolError(f"a message of {size} bytes")
        if self._end < begin + size:
            return None
        try:
            kind = Kind(number)
        except ValueError as error:
            raise ProtocolError(f"a message of kind {number}") from error
        self._begin = begin + size
        return kind, self._view[begin : self._begin]

    def next(self) -> Message | None:
        """As `take()`, but blocks until a message is complete; None when the other side has closed the pipe."""
        while (message := self.take()) is None:
            if not self.fill():
                return None
        return message
