"""A folder for each work, in the embedded mode: results of chunks, which a real broker would store.

The coordinator opens it when a run begins and deletes it when the work succeeds; the gateway deletes it with the last job of the
work. The transcriber writes only into a folder that exists: a batch that ends after the deletion leaves nothing.
"""

import contextlib
import errno
from collections.abc import Set
from pathlib import Path

from runtime.objects import StoreUnavailable

CHUNK_RESULTS = "chunk-results"  # below the data directory


class WorkFolders:
    """From any thread; the root belongs to one process. Without a root there are no folders."""

    def __init__(self, root: Path | None) -> None:
        self.root = root

    def open(self, work_id: str) -> None:
        """Safe to repeat. A full disk makes no folder: the work keeps nothing."""
        if self.root is not None:
            with contextlib.suppress(OSError):
                (self.root / work_id).mkdir(parents=True, exist_ok=True)

    def delete(self, work_id: str) -> None:
        """Blocks; safe to repeat. Raises StoreUnavailable when something is left."""
        if self.root is None:
            return
        folder = self.root / work_id
        try:
            while not _removed(folder):
                for entry in list(folder.iterdir()):
                    entry.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{folder}: {error.strerror}") from error

    def keep_only(self, work_ids: Set[str]) -> None:
        """Deletes the folders of all other works. As `delete()`."""
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
