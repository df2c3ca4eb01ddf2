"""Settings into a file such as `.env`; its other lines stay as they are. For `murmur tune --write`."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import dotenv

from runtime.errors import UsageError


def check(path: Path) -> None:
    """Before anything is measured. Raises UsageError for a file that cannot be written."""
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise UsageError(f"{path} cannot be written: name a file in a folder that can")


def write(path: Path, settings: Mapping[str, str], unset: Iterable[str]) -> None:
    """`unset`: variables to remove, if the file has them. Raises UsageError."""
    try:
        for name, value in settings.items():
            dotenv.set_key(path, name, value, quote_mode="never", follow_symlinks=True)
        present = dotenv.dotenv_values(path)
        for name in unset:
            if name in present:
                dotenv.unset_key(path, name, follow_symlinks=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
