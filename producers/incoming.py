"""Decides when a file in the inbox is complete: by its name, by whether it is open for writing, and by its last change.

Used by the watcher, and by the reconciler if the bucket is a folder.
"""

import fcntl
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from runtime.logs import get_logger
from runtime.objects import ObjectInfo

log = get_logger(__name__)
EMPTY_FACTOR = 10  # an empty file is usually about to be written to: it must be unchanged this many times longer
UNFINISHED = (".part", ".crdownload", ".tmp", ".partial", ".download", ".opdownload", ".filepart", ".aria2", ".!ut", "~")
BESIDE = (".part", ".crdownload", ".aria2")  # browsers reserve the final name with an empty file, and write to another
NOT_MEANT = {"desktop.ini", "thumbs.db"}


def is_meant(key: str) -> bool:
    """False for hidden files and folders, for unfinished downloads, and for files of the operating system."""
    last = key.rpartition("/")[2].lower()
    hidden = any(segment.startswith(".") for segment in key.split("/"))
    return not (hidden or last.endswith(UNFINISHED) or last.startswith("~") or last in NOT_MEANT)


def is_free(path: Path) -> bool:
    """Whether the file is readable and, as far as can be determined, not open for writing."""
    if any(path.with_name(path.name + ending).exists() for ending in BESIDE):
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        log.debug("file.skipped", error=error)
        return False
    try:
        return not _open_for_writing(handle)
    finally:
        os.close(handle)


def _open_for_writing(handle: int) -> bool:
    """Linux grants a read lease only while no process has the file open for writing. Elsewhere only the time decides.

    The lease is released immediately. If the file is opened in between, the kernel sends a signal: SIGURG, which is ignored,
    because the default SIGIO would end the process.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError as error:  # another owner's file, or a file system without leases
        log.debug("lease.refused", error=error)
    return False


@dataclass(slots=True)
class _Resting:
    info: ObjectInfo
    since_s: float


class Settling:
    """Which files have been unchanged for long enough. Pure: gets observations with their times, returns what is due.

    Every version of a file is due once.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._resting: dict[str, _Resting] = {}
        self._taken: dict[str, str] = {}  # key: eTag

    def see(self, info: ObjectInfo, now_s: float) -> None:
        """The current state of the file."""
        if self._taken.get(info.key) == info.etag:
            self._resting.pop(info.key, None)
            return
        resting = self._resting.get(info.key)
        if resting is None or resting.info.etag != info.etag:
            self._resting[info.key] = _Resting(info, now_s)

    def gone(self, key: str) -> None:
        self._resting.pop(key, None)
        self._taken.pop(key, None)

    def due(self, now_s: float) -> list[ObjectInfo]:
        """Files that are unchanged for long enough. They stay due until they are taken, or observed to have changed."""
        return [resting.info for resting in self._resting.values() if now_s - resting.since_s >= self._settle_time_s(resting)]

    def take(self, info: ObjectInfo) -> None:
        """This version was announced."""
        self._taken[info.key] = info.etag
        self._resting.pop(info.key, None)

    @property
    def resting(self) -> list[str]:
        return list(self._resting)

    def _settle_time_s(self, resting: _Resting) -> float:
        return self._settle_s * (1 if resting.info.size_bytes else EMPTY_FACTOR)
