"""Verifies that what was read of a file is the content that `audio_id` names: by the store's metadata, else by its bytes.

Used by `worker` for one file: before its first byte, and again before anything of it is reported as finished.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from processors.slicer.audio import media_file
from runtime.objects.store import Replaced

BLOCK_BYTES = 1 << 20
RUNS_MAX = 10_000  # the bytes of a file that is read in more runs than that are not compared


@dataclass(slots=True)
class _Run:
    """A range that was read without a seek."""

    start: int
    end: int
    digest: Any = field(default_factory=hashlib.sha256)


class NamedContent:
    """A file that hashes what is read of it. `is_unchanged`: see `ObjectStore`. `is_doubtful`: its metadata has changed, so the
    content that it has now says nothing about what an earlier attempt has read."""

    def __init__(self, file: BinaryIO, audio_id: str, is_unchanged: Callable[[], bool]) -> None:
        self._file = media_file(file)
        self._audio_id = audio_id
        self._is_unchanged = is_unchanged
        self.is_doubtful = False
        self._at = 0
        self._runs: list[_Run] = []

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        if data:
            self._hash(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        count = self._file.readinto(buffer) or 0
        if count:
            self._hash(buffer[:count])
        return count

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = self._file.seek(offset, whence)
        return self._at

    def tell(self) -> int:
        return self._at

    def verify(self, check: Callable[[], None]) -> None:
        """Raises Replaced when anything that was read may be of another content; leaves the file at its start. Reads all of it
        once more if metadata cannot decide: a chmod changes it as a write does. `check` may raise, to end that early."""
        if not self._is_unchanged():
            if not self._is_proven(check):
                raise Replaced("the content is not the one that the job names: it was changed, or replaced")
            self.is_doubtful = True
        self.seek(0)

    def _hash(self, data: bytes | memoryview) -> None:
        start, self._at = self._at, self._at + len(data)
        if not self._runs or self._runs[-1].end != start:
            if len(self._runs) > RUNS_MAX:
                return
            self._runs.append(_Run(start, start))
        run = self._runs[-1]
        run.digest.update(data)
        run.end = self._at

    def _is_proven(self, check: Callable[[], None]) -> bool:
        """Whether the content now has this SHA-256, and all that was read before is in it."""
        if len(self._runs) > RUNS_MAX:
            return False
        content = hashlib.sha256()
        again = [_Run(run.start, run.end) for run in self._runs]
        at = self._file.seek(0, io.SEEK_SET)
        while block := self._file.read(BLOCK_BYTES):
            check()
            content.update(block)
            for run in again:
                if run.start < at + len(block) and run.end > at:
                    run.digest.update(block[max(run.start - at, 0) : run.end - at])
            at += len(block)
        digests = [run.digest.digest() for run in self._runs]
        return content.hexdigest() == self._audio_id and digests == [run.digest.digest() for run in again]
