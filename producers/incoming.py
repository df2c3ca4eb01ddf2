"""Decides when a file in the inbox is complete: by its name, by whether it is open for writing, and by its last change.

Used by the watcher, and by the reconciler if the bucket is a folder.
"""

import contextlib
import fcntl
import signal
from dataclasses import dataclass
from typing import Literal

from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectInfo
from runtime.objects.directory import DirectoryStore
from runtime.objects.store import BadKey
from schemas.record import ObjectRef

log = get_logger(__name__)
EMPTY_FACTOR = 10  # an empty file is usually about to be written to: it must be unchanged this many times longer
UNFINISHED = (".part", ".crdownload", ".tmp", ".partial", ".download", ".opdownload", ".filepart", ".aria2", ".!ut", "~")
BESIDE = (".part", ".crdownload", ".aria2")  # browsers reserve the final name with an empty file, and write to another
OpenState = Literal["closed", "open", "unknown", "gone"]
NOT_MEANT = {"desktop.ini", "thumbs.db"}


def is_meant(key: str) -> bool:
    """False for hidden files and folders, for unfinished downloads, and for files of the operating system."""
    last = key.rpartition("/")[2].lower()
    hidden = any(segment.startswith(".") for segment in key.split("/"))
    return not (hidden or last.endswith(UNFINISHED) or last.startswith("~") or last in NOT_MEANT)


def open_state(objects: DirectoryStore, info: ObjectInfo) -> OpenState:
    """Whether this version of the file is open for writing; `unknown`: it is another user's. `gone`: missing or unreadable."""
    for ending in BESIDE:
        with contextlib.suppress(NotFound, BadKey):
            objects.head(info.bucket, info.key + ending)
            return "open"
    try:
        with objects.open(info.ref) as file:
            return _leased(file.fileno())
    except (NotFound, BadKey):
        return "gone"


def _leased(handle: int) -> OpenState:
    """Linux grants a read lease only while no process has the file open for writing. Elsewhere only the time decides.

    The lease is released immediately. If the file is opened in between, the kernel sends a signal: SIGURG, which is ignored,
    because the default SIGIO would end the process.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return "closed"
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return "open"
    except PermissionError as error:  # another owner's file
        log.debug("lease.refused", error=error)
        return "unknown"
    except OSError as error:  # a file system without leases
        log.debug("lease.refused", error=error)
    return "closed"


@dataclass(slots=True)
class _Resting:
    info: ObjectInfo
    since_s: float


class Settling:
    """Which files have been unchanged for long enough. Pure: gets observations with their times, returns what is due.

    Every version of a file is due once. `grown_s`: the time for a file that was written to and not closed, or has grown after it
    was complete. `tells_complete`: `complete()` is called for every file that is closed after writing, or moved into the folder.
    """

    def __init__(self, settle_s: float, grown_s: float = 0.0, *, tells_complete: bool = False) -> None:
        self._settle_s = settle_s
        self._grown_s = max(settle_s, grown_s)
        self.tells_complete = tells_complete
        self._resting: dict[str, _Resting] = {}
        self._taken: dict[str, ObjectInfo] = {}
        self._known: dict[str, list[ObjectRef]] = {}  # until the file is seen
        self._open: set[str] = set()
        self._grown: set[str] = set()
        self._sizes: dict[str, int] = {}  # when it was complete, or seen last where nothing tells that

    def know(self, drop: ObjectRef) -> None:
        """This version has its job. For calls before the first file is seen."""
        self._known.setdefault(drop.key, []).append(drop)

    def see(self, info: ObjectInfo, now_s: float, *, written: bool = False) -> None:
        """The current state of the file. `written`: a process writes to it and has not closed it."""
        if written:
            self._open.add(info.key)
        for known in self._known.pop(info.key, ()):
            if known.etag == info.etag and known.change_tag in (None, info.change_tag):
                self._taken[info.key] = info
        if (taken := self._taken.get(info.key)) is not None and taken.etag == info.etag:
            self._resting.pop(info.key, None)
            return
        before_bytes = self._sizes.get(info.key, 0)
        if 0 < before_bytes < info.size_bytes:
            self._grown.add(info.key)
        elif info.size_bytes < before_bytes:  # rewritten
            self._grown.discard(info.key)
        if not self.tells_complete:
            self._sizes[info.key] = info.size_bytes
        resting = self._resting.get(info.key)
        if resting is None or resting.info.etag != info.etag:
            self._resting[info.key] = _Resting(info, now_s)

    def complete(self, info: ObjectInfo, now_s: float, *, replaced: bool = False) -> None:
        """It was closed after writing, or moved here: also under the same size and time this may be another content. `replaced`:
        it certainly is, and so it has not grown."""
        if (
            taken := self._taken.get(info.key)
        ) is not None and taken.change_tag != info.change_tag:  # else it was taken after this
            del self._taken[info.key]
        self.see(info, now_s)
        self._open.discard(info.key)
        self._sizes[info.key] = info.size_bytes
        if replaced:
            self._grown.discard(info.key)

    def will_grow(self, key: str) -> None:
        """It is not complete: it has to be unchanged for the longer time."""
        self._grown.add(key)

    def has_grown(self, key: str) -> bool:
        return key in self._grown

    def gone(self, key: str) -> None:
        self._resting.pop(key, None)
        self._taken.pop(key, None)
        self._open.discard(key)
        self._grown.discard(key)
        self._sizes.pop(key, None)

    def due(self, now_s: float) -> list[ObjectInfo]:
        """Files that are unchanged for long enough. They stay due until they are taken, or observed to have changed."""
        return [resting.info for resting in self._resting.values() if now_s - resting.since_s >= self._settle_time_s(resting)]

    def take(self, info: ObjectInfo) -> None:
        """This version was announced."""
        self._taken[info.key] = info
        self._resting.pop(info.key, None)

    def is_open(self, key: str) -> bool:
        """It was written to and not closed since."""
        return key in self._open

    @property
    def resting(self) -> list[str]:
        return list(self._resting)

    def _settle_time_s(self, resting: _Resting) -> float:
        if resting.info.key in self._open or resting.info.key in self._grown:
            return self._grown_s
        return self._settle_s * (1 if resting.info.size_bytes else EMPTY_FACTOR)
