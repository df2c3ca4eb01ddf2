"""Counts decoding attempts that began and never ended, because the process died meanwhile: a folder with a file for each.

Used by `stage` and `worker` in the embedded mode, whose broker ends with the process. On a real broker the count is kept in the
metadata of a commit (`runtime/kafka/window.py`). The folder belongs to one process.
"""

import contextlib
import threading
from pathlib import Path


class Attempts:
    """From any thread. Without a folder nothing is stored, and the count is always 0. Several works may have one file at the same
    time: together they are one attempt of this process."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}  # how many works of this process are at it
        self._earlier: dict[str, int] = {}  # of those that run: what earlier processes left

    def count(self, slice_id: str) -> int:
        """Of earlier processes."""
        with self._lock:
            return self._earlier[slice_id] if slice_id in self._running else self._stored(slice_id)

    def begin(self, slice_id: str) -> None:
        """Counts one attempt, unless `end` follows. On a full disk nothing is counted."""
        with self._lock:
            self._running[slice_id] = self._running.get(slice_id, 0) + 1
            if self._running[slice_id] > 1:
                return
            self._earlier[slice_id] = self._stored(slice_id)
            if self._folder is not None:
                with contextlib.suppress(OSError):
                    self._folder.mkdir(parents=True, exist_ok=True)
                    (self._folder / slice_id).write_text(str(self._earlier[slice_id] + 1))

    def end(self, slice_id: str) -> None:
        """The process has survived, whatever the result. Idempotent."""
        with self._lock:
            self._running[slice_id] = self._running.get(slice_id, 1) - 1
            if self._running[slice_id] > 0:
                return
            del self._running[slice_id]
            self._earlier.pop(slice_id, None)
            if self._folder is not None:
                with contextlib.suppress(OSError):
                    (self._folder / slice_id).unlink(missing_ok=True)

    def _stored(self, slice_id: str) -> int:
        if self._folder is None:
            return 0
        try:
            return int((self._folder / slice_id).read_text())
        except (FileNotFoundError, ValueError):
            return 0
