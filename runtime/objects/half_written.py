"""Half-written objects of a directory store: hidden files, locked by their writer, and removed when the writer has died."""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from typing import BinaryIO

from runtime.objects import folders

PREFIX, SUFFIX = ".murmur-", ".part"


def is_one(name: str) -> bool:
    return name.startswith(PREFIX) and name.endswith(SUFFIX)


def create(folder: str) -> BinaryIO:
    """A new one, locked; makes the folder if there is none. Tries again if the empty folder or the file is removed in between."""
    while True:
        try:
            file = open(f"{folder}/{PREFIX}{secrets.token_hex(8)}{SUFFIX}", "xb")  # noqa: SIM115 - the caller closes it
        except FileNotFoundError:
            _make(folder)
            continue
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file.fileno()).st_nlink:
                return file
        file.close()


def remove_abandoned(path: str) -> bool:
    """Only a running writer holds the lock."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folders.unlink(path)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


def _make(folder: str) -> None:
    """Unless somebody removes it, or one of its parents, at the same time."""
    try:
        os.makedirs(folder, exist_ok=True)
    except FileNotFoundError:
        return
    except FileExistsError:  # also when the folder existed and was removed in between
        if any(_is_in_the_way(place) for place in _with_parents(folder)):
            raise


def _with_parents(folder: str) -> Iterator[str]:
    yield folder
    while (parent := os.path.dirname(folder)) != folder:
        yield (folder := parent)


def _is_in_the_way(place: str) -> bool:
    """Exists, and is not a folder: one call, as it may be removed at any moment."""
    try:
        return not stat.S_ISDIR(os.lstat(place).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
