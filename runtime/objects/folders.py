"""Files below a folder by relative path, also where the whole path is longer than the system takes (4,096 bytes on Linux).

Used by `directory.py` and the watcher. Long paths are opened folder by folder. A symlink at the end of a path is not followed.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

PATH_BYTES_MAX = 4000
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def lstat(root: Path | str, path: str) -> os.stat_result:
    with _at(root, path) as (folder, name):
        return os.stat(name, dir_fd=folder, follow_symlinks=False)


def open_file(root: Path | str, path: str) -> int:
    """A handle for reading; does not block on a FIFO."""
    with _at(root, path) as (folder, name):
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)


@contextlib.contextmanager
def open_folder(root: Path | str, path: str, flags: int = _FOLDER) -> Iterator[int]:
    """A handle of the folder; `path` may be empty. Raises OSError, also for a symlink."""
    with _at(root, path or ".") as (folder, name):
        handle = os.open(name, flags, dir_fd=folder)
    try:
        yield handle
    finally:
        os.close(handle)


def entries(root: Path | str, path: str) -> Iterator[os.DirEntry[str]]:
    """What is in the folder. Raises OSError. An entry is valid until the next one is asked for."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    with open_folder(root, path, flags) as handle, os.scandir(handle) as found:
        yield from found


def unlink(path: str) -> None:
    """Safe to repeat."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def prune(folder: str, root: str) -> None:
    """Removes the folder and its parents below the root as far as they are empty."""
    while folder != root:
        try:
            os.rmdir(folder)
        except OSError:  # not empty, or removed already
            return
        folder = os.path.dirname(folder)


@contextlib.contextmanager
def _at(root: Path | str, path: str) -> Iterator[tuple[int | None, str]]:
    """Where to find it: a folder's handle and a name in it, or no handle and the whole path."""
    whole = f"{root}/{path}"
    if len(os.fsencode(whole)) <= PATH_BYTES_MAX:
        yield None, whole
        return
    *parents, name = path.split("/")
    handle = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for parent in parents:
            inner = os.open(parent, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle, name
    finally:
        os.close(handle)
