"""What the first and the last bytes of a file in the inbox show about how it is written. Used by the watcher.

It is shorter than its own header states: its writer will go on. It has become longer, and the bytes at its former end are others:
it was replaced, not appended to.
"""

import hashlib
import io
from typing import BinaryIO

from runtime.objects import NotFound, ObjectInfo
from runtime.objects.directory import DirectoryStore
from runtime.objects.store import BadKey

BOXES_MAX = 64  # of an MP4 file
UNKNOWN_BYTES = 0x7FFFF000  # programs that write WAV to a pipe declare this much or more
ROUNDING_BYTES = 16  # by which headers of finished files are wrong
END_BYTES = 4096


def is_part(objects: DirectoryStore, info: ObjectInfo) -> bool:
    """Shorter than its header states: WAV, AIFF, MP4. Of other formats and of files that cannot be read nothing is known."""
    try:
        with objects.open(info.ref) as file:
            head = file.read(12)
            if head[:4] in (b"RIFF", b"FORM"):
                declared_bytes = 8 + int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big")
                return info.size_bytes + ROUNDING_BYTES < declared_bytes < UNKNOWN_BYTES
            return head[4:8] == b"ftyp" and not _has_all_boxes(file, info.size_bytes)
    except (NotFound, BadKey, OSError):
        return False


def _has_all_boxes(file: BinaryIO, size_bytes: int) -> bool:
    """An MP4 file: its last box ends within it, and there is an index."""
    at, has_index = 0, False
    for _ in range(BOXES_MAX):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            break
        has_index = has_index or header[4:8] == b"moov"
        box_bytes = int.from_bytes(header[:4], "big")
        if box_bytes == 0:  # up to the end of the file
            break
        at += int.from_bytes(header[8:], "big") if box_bytes == 1 else max(box_bytes, 8)
        if at > size_bytes:
            return False
    return has_index


class FormerEnds:
    """The ends of files at the time they were complete."""

    def __init__(self, objects: DirectoryStore) -> None:
        self._objects = objects
        self._ends: dict[str, tuple[int, bytes]] = {}

    def is_replaced(self, info: ObjectInfo) -> bool:
        """It is another content than last time, not a longer one. Remembers this one."""
        before = self._ends.get(info.key)
        replaced = before is not None and self._digest(info, before[0]) != before[1]
        self._ends[info.key] = info.size_bytes, self._digest(info, info.size_bytes)
        return replaced

    def forget(self, key: str) -> None:
        self._ends.pop(key, None)

    def _digest(self, info: ObjectInfo, end_bytes: int) -> bytes:
        try:
            with self._objects.open(info.ref) as file:
                file.seek(max(0, end_bytes - END_BYTES), io.SEEK_SET)
                return hashlib.blake2b(file.read(min(end_bytes, END_BYTES)), digest_size=16).digest()
        except (NotFound, BadKey, OSError):  # it is being changed: the next event tells
            return b""
