"""The result files of `murmur transcribe`: their names, which existing files may be overwritten, and how they are written.

An existing file is an earlier result if its content is what murmur last wrote at that path. That is recorded in the user's
state folder. Every other file, and a result that was edited since, is overwritten only with the user's consent.
"""

import hashlib
import os
import secrets
import sqlite3
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from runtime.formats import FORMATS
from runtime.objects.store import SEGMENT_BYTES_MAX

SCHEMA = "CREATE TABLE IF NOT EXISTS results (path BLOB PRIMARY KEY, sha256 BLOB NOT NULL) WITHOUT ROWID"
FileId = tuple[int, int]  # device and inode


class Written:
    """The record of what was written where: a SQLite file, which several processes may use at the same time.

    Where the file cannot be used, `error` says why: nothing is recognised then, and nothing recorded.
    """

    def __init__(self, database: Path) -> None:
        self._sql: sqlite3.Connection | None = None
        self.error: str | None = None
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
            self._sql = sqlite3.connect(database, isolation_level=None)
            self._sql.execute(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            self.close()
            self.error = f"{database}: {error}"

    def has(self, path: Path) -> bool:
        """Whether the file there is as it was written."""
        if self._sql is None:
            return False
        try:
            row = self._sql.execute("SELECT sha256 FROM results WHERE path = ?", (_key(path),)).fetchone()
            if row is None or not stat.S_ISREG(path.lstat().st_mode):
                return False
            with path.open("rb") as file:
                return bool(row[0] == hashlib.file_digest(file, "sha256").digest())
        except (OSError, sqlite3.Error) as error:
            self.error = str(error)
            return False

    def add(self, path: Path, content: bytes) -> None:
        if self._sql is None:
            return
        try:
            self._sql.execute("INSERT OR REPLACE INTO results VALUES (?, ?)", (_key(path), hashlib.sha256(content).digest()))
        except sqlite3.Error as error:
            self.error = str(error)

    def close(self) -> None:
        if self._sql is not None:
            self._sql.close()
            self._sql = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Results:
    """`base` is a path without a format everywhere. `force`: overwrite any file."""

    def __init__(self, written: Written, formats: Sequence[str], force: bool) -> None:
        self.formats = formats
        self._written = written
        self._force = force
        self._allowed: set[Path] = set()

    def obstacle(self, base: Path, inputs: set[FileId]) -> str | None:
        """Why the results cannot be written, whatever the user agrees to."""
        try:
            for path in self._paths(base):
                there = _lstat(path)
                if there is None:
                    continue
                if (there.st_dev, there.st_ino) in inputs:
                    return f"its result would overwrite the input {path}: choose another folder with --out"
                if not (stat.S_ISREG(there.st_mode) or stat.S_ISLNK(there.st_mode)):
                    return f"{path} exists and is not a file: choose another folder with --out"
            _try_to_write(base.parent)
        except OSError as error:
            return f"cannot write results to {base.parent} ({error.strerror}): choose another folder with --out"
        return None

    def foreign(self, base: Path) -> list[Path]:
        """The existing files that would be overwritten and are not earlier results."""
        return [path for path in self._paths(base) if not self._may_write(path)]

    def allow(self, paths: Sequence[Path]) -> None:
        """The user agrees that these are overwritten."""
        self._allowed.update(paths)

    def write(self, base: Path, name: str, content: bytes) -> Path:
        """Atomic. The path; raises OSError, also for a file that appeared since it was looked for."""
        path = path_of(base, name)
        if not self._may_write(path):
            raise FileExistsError(f"{path} was written by another program in the meantime and is not overwritten")
        write_whole(path, content)
        self._written.add(path, content)
        return path

    def _paths(self, base: Path) -> list[Path]:
        return [path_of(base, name) for name in self.formats]

    def _may_write(self, path: Path) -> bool:
        return self._force or not os.path.lexists(path) or path in self._allowed or self._written.has(path)


def path_of(base: Path, name: str) -> Path:
    """`<base>.<ending>`. Where that name is too long: as much of it as there is room for, `~`, 8 digits of its SHA-256."""
    stem, tail = os.fsencode(base.name), f".{FORMATS[name].ending}".encode()
    if len(stem + tail) > SEGMENT_BYTES_MAX:
        tail = f"~{hashlib.sha256(stem).hexdigest()[:8]}".encode() + tail
        stem = stem[: SEGMENT_BYTES_MAX - len(tail)]
        with suppress(UnicodeDecodeError):  # never a part of a character, if it is text
            os.fsencode(base.name).decode()
            stem = stem.decode(errors="ignore").encode()
    return base.with_name(os.fsdecode(stem + tail))


def write_whole(path: Path, content: bytes) -> None:
    """Atomic: the file is complete or missing, also when the process is interrupted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".murmur-{secrets.token_hex(8)}.partial")
    try:
        with partial.open("xb") as file:
            file.write(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _try_to_write(folder: Path) -> None:
    """Raises OSError where no file could be written. The folder may be missing: it is created with the first result."""
    there = folder.absolute()
    while _lstat(there) is None:
        there = there.parent
    with tempfile.TemporaryFile(dir=there):
        pass


def _lstat(path: Path) -> os.stat_result | None:
    """None: nothing is there."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _key(path: Path) -> bytes:
    return os.fsencode(path.parent.resolve() / path.name)
