"""Settings into a file such as `.env`; its other lines stay as they are. For `murmur tune --write`."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import dotenv

from runtime.errors import UsageError


def check(path: Path) -> None:
    """Before anything is measured. Raises UsageError for a file that cannot be written, or is no text."""
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise UsageError(f"{path} cannot be written: name a file in a folder that can")
    _text(path)


def write(path: Path, settings: Mapping[str, str], unset: Iterable[str]) -> None:
    """`unset`: variables to remove, if the file has them. Raises UsageError."""
    try:
        text = _text(path)
        for name, value in settings.items():
            is_exported = re.search(rf"^\s*export\s+{re.escape(name)}\s*=", text, re.MULTILINE) is not None
            dotenv.set_key(path, name, value, quote_mode="never", export=is_exported, follow_symlinks=True)
        present = dotenv.dotenv_values(path)
        for name in unset:
            if name in present:
                dotenv.unset_key(path, name, follow_symlinks=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8: name another file") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read, so it cannot be written: {error.strerror}") from error
