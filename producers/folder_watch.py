"""What happens in a folder and in all below: by inotify on Linux, elsewhere only that it is time to list it again.

Used by the watcher. Symlinks are not followed, hidden folders are not watched, and one that cannot be watched is logged once.
"""

import contextlib
import errno
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from producers.incoming import is_meant
from runtime.logs import get_logger
from runtime.objects import folders
from runtime.objects.filenames import to_key

if TYPE_CHECKING:
    from inotify_simple import Event

log = get_logger(__name__)
LIST_EVERY_S = 1.0  # without inotify
LIST_UNWATCHED_S = 10.0  # with it, when some folders could not be watched


@dataclass(slots=True)
class Changes:
    """By key. `seen`: new, touched or gone. `written`: and not closed since. `complete`: closed after writing, or `moved` here.
    `unknown`: there may be more, so the folder has to be listed."""

    seen: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    unknown: bool = False


class FolderWatch(Protocol):
    tells_complete: bool

    def poll(self, timeout_s: float) -> Changes:
        """Blocks until something happens, at most so long. The first answer is `unknown`. Raises OSError: the folder is gone."""

    def close(self) -> None: ...


def open_watch(root: Path, stopping: threading.Event) -> FolderWatch:
    return Inotify(root) if sys.platform == "linux" else Listings(stopping)


class Listings:
    """Where no more is known than the time."""

    tells_complete = False

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._next_s = 0.0

    def poll(self, timeout_s: float) -> Changes:
        self._stopping.wait(timeout_s)
        is_due = time.monotonic() >= self._next_s
        if is_due:
            self._next_s = time.monotonic() + LIST_EVERY_S
        return Changes(unknown=is_due)

    def close(self) -> None:
        """Nothing is open."""


class Inotify:
    """For use by one thread."""

    tells_complete = True

    def __init__(self, root: Path) -> None:
        from inotify_simple import INotify, flags

        self._flags = flags
        self._root = root
        self._watch = INotify()
        self._folders: dict[int, str] = {}  # paths by watch descriptor; the root is ""
        self._unwatched: set[str] = set()
        self._list_at_s = 0.0  # immediately
        self._mask = (
            flags.CREATE | flags.MODIFY | flags.ATTRIB | flags.CLOSE_WRITE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO
        )
        try:
            self._add("", Changes())  # what is in it will be listed
        except BaseException:
            self.close()
            raise

    def poll(self, timeout_s: float) -> Changes:
        changes = Changes()
        for event in self._watch.read(timeout=int(timeout_s * 1000)):
            self._take(event, changes)
        if time.monotonic() >= self._list_at_s:
            changes.unknown = True
        if changes.unknown:
            self._list_at_s = time.monotonic() + LIST_UNWATCHED_S if self._unwatched else float("inf")
        return changes

    def close(self) -> None:
        self._watch.close()

    def _take(self, event: "Event", changes: Changes) -> None:
        flags = self._flags
        if event.mask & flags.Q_OVERFLOW:
            changes.unknown = True
            return
        if event.mask & flags.IGNORED:
            self._folders.pop(event.wd, None)
        folder = self._folders.get(event.wd)
        if folder is None or not event.name:
            return
        path = f"{folder}/{event.name}" if folder else event.name
        key = to_key(path)
        if event.mask & flags.ISDIR:
            if event.mask & flags.MOVED_FROM:
                self._forget(path)
            elif event.mask & (flags.CREATE | flags.MOVED_TO | flags.ATTRIB):
                self._add(path, changes)
        elif event.mask & (flags.CLOSE_WRITE | flags.MOVED_TO):
            changes.complete.add(key)
            changes.written.discard(key)
            if event.mask & flags.MOVED_TO:
                changes.moved.add(key)
        elif event.mask & flags.MODIFY:
            changes.written.add(key)
            changes.complete.discard(key)
        else:
            changes.seen.add(key)

    def _add(self, path: str, changes: Changes) -> None:
        """Watches the folder and all below; what is in it is seen. Raises OSError for the root only."""
        below = [path]
        while below:
            folder = below.pop()
            if folder and not is_meant(f"{to_key(folder)}/x"):
                continue
            try:
                self._add_one(folder)
                for entry in folders.entries(self._root, folder):
                    inner = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        below.append(inner)
                    else:
                        changes.seen.add(to_key(inner))
                self._unwatched.discard(folder)
            except OSError as error:
                if not folder:
                    raise
                self._failed(folder, error)

    def _add_one(self, folder: str) -> None:
        """By its handle, since its path may be too long, or become a symlink meanwhile."""
        with folders.open_folder(self._root, folder) as handle:
            descriptor = self._watch.add_watch(f"/proc/self/fd/{handle}", self._mask | self._flags.ONLYDIR)
            self._folders[descriptor] = folder

    def _forget(self, path: str) -> None:
        """A folder that was moved away may go on to exist elsewhere."""
        for descriptor, folder in list(self._folders.items()):
            if folder == path or folder.startswith(f"{path}/"):
                del self._folders[descriptor]
                with contextlib.suppress(OSError):
                    self._watch.rm_watch(descriptor)

    def _failed(self, folder: str, error: OSError) -> None:
        """Named once; listed from now on, if it is to be seen at all."""
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP) or folder in self._unwatched:
            return
        self._unwatched.add(folder)
        self._list_at_s = min(self._list_at_s, time.monotonic() + LIST_UNWATCHED_S)
        hint = "raise fs.inotify.max_user_watches" if error.errno == errno.ENOSPC else None
        log.warning("folder.unwatched", file=to_key(folder), error=os.strerror(error.errno or 0), hint=hint)
