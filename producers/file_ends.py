"""What the bytes at the former end of a file that has become longer show: if they are others, it was replaced, not appended to.

Used by the watcher.
"""

import hashlib
import io

from runtime.objects import NotFound, ObjectInfo
from runtime.objects.directory import DirectoryStore
from runtime.objects.store import BadKey

END_BYTES = 4096


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
