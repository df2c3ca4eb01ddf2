"""Counts decoding attempts that began and never ended, because the process died meanwhile: a folder with a file for each.

Used by `stage` and `worker` in the embedded mode, whose broker ends with the process. On a real broker the count is kept in the
metadata of a commit (`runtime/kafka/window.py`). The folder belongs to one process.
"""

import contextlib
from pathlib import Path


class Attempts:
    """Without a folder nothing is stored, and the count is always 0."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def count(self, slice_id: str) -> int:
        if self._folder is None:
            return 0
        try:
            return int((self._folder / slice_id).read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def begin(self, slice_id: str) -> None:
        """Counts one attempt, unless `end` follows. On a full disk nothing is counted."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                (self._folder / slice_id).write_text(str(self.count(slice_id) + 1))

    def end(self, slice_id: str) -> None:
        """The process has survived, whatever the result. Idempotent."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                (self._folder / slice_id).unlink(missing_ok=True)
