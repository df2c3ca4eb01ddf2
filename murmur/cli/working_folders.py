"""The temporary folder of one `murmur transcribe`. Those of processes that were killed are removed by a later one."""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "murmur-transcribe-"
ABANDONED_S = 24 * 3600.0  # since it was last changed
LOCK = "lock"  # of the embedded system that works in it


@contextmanager
def working_folder() -> Iterator[Path]:
    """Removed at the end as far as that is possible."""
    remove_abandoned(time.time())
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def remove_abandoned(now_s: float) -> None:
    """Only folders of this user in which no process works. What cannot be removed stays."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # also removed by another process meanwhile
            found = folder.lstat()
            is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
            if is_ours and found.st_mtime < now_s - ABANDONED_S and not _is_locked(folder / LOCK):
                shutil.rmtree(folder)


def _is_locked(file: Path) -> bool:
    try:
        with file.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
