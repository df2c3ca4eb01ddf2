"""A folder for each work, in the embedded mode: results of chunks, which a real broker would store.

The coordinator opens it when a run begins and deletes it when the work succeeds; the gateway deletes it with the last job of the
work. It is made with the first result, since most works wait for a while, and only while it is open: a batch that ends after the
deletion leaves nothing.
"""

import contextlib
import errno
import threading
from collections.abc import Set
from pathlib import Path

from runtime.objects import StoreUnavailable

CHUNK_RESULTS = "chunk-results"  # below the data directory


class WorkFolders:
    """From any thread; the root belongs to one process, and to one of these in it. Without a root there are no folders."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._open: set[str] = set()

    def open(self, work_id: str) -> None:
        """From now on the work may have a folder. Safe to repeat."""
        if self.root is not None:
            with self._lock:
                self._open.add(work_id)

    def make(self, work_id: str) -> None:
        """The folder of a work that is open. Safe to repeat. A full disk makes no folder: the work keeps nothing."""
        with self._lock, contextlib.suppress(OSError):
            if self.root is not None and work_id in self._open:
                (self.root / work_id).mkdir(parents=True, exist_ok=True)

    def delete(self, work_id: str) -> None:
        """Also closes it. Blocks; safe to repeat. Raises StoreUnavailable when something is left."""
        if self.root is None:
            return
        with self._lock:
            self._open.discard(work_id)
        folder = self.root / work_id
        try:
            while not _removed(folder):
                for entry in list(folder.iterdir()):
                    entry.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{folder}: {error.strerror}") from error

    def keep_only(self, work_ids: Set[str]) -> None:
        """Closes and deletes the folders of all other works. As `delete()`."""
        with self._lock:
            self._open &= work_ids
        if self.root is not None and self.root.is_dir():
            for folder in list(self.root.iterdir()):
                if folder.name not in work_ids:
                    self.delete(folder.name)


def _removed(folder: Path) -> bool:
    """False: it is not empty. Whoever writes into it afterwards finds no folder."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True
