"""The SQLite file of a view: one writer, one reader, and SQLite's errors in murmur's few words.

A disk that is full or fails is a Retry: what was read before can still be read. A damaged file is put aside by the next `open()`,
and the last copy, or an empty file, is filled again from the topics.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from runtime import free_pages, memory
from runtime.errors import Retry, UsageError
from runtime.logs import get_logger
from schemas import codec
from schemas.record import Record

log = get_logger(__name__)
DAMAGED_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
AWAY_CODES = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk is full or fails",
    sqlite3.SQLITE_CANTOPEN: "the disk is full, or the folder cannot be written",
    sqlite3.SQLITE_READONLY: "the file cannot be written",
    sqlite3.SQLITE_BUSY: "another process has it",
    sqlite3.SQLITE_NOMEM: "no memory is left",
}
SIDE_FILES = ("-wal", "-shm")
PUT_ASIDE, BACKUP = ".damaged", ".backup"
FREE_PAGES_MAX = 64  # of 4 KiB, which the next rows will need
R = TypeVar("R", bound=Record)


class ViewUnavailable(Retry):
    """The view cannot be written, or not be read, now."""


class ViewDamaged(ViewUnavailable):
    """The file is no longer a database. The next `open()` replaces it."""


class Database:
    """`tables` fills an empty file; `upgrades`: number of an older layout -> what changes it to `layout`. `keeps_damaged`: for
    examination. `keeps_newer`: `open()` raises UsageError for a file of a newer version, which is emptied otherwise. Safe from
    any thread; one write at a time."""

    def __init__(self, path: Path, layout: int, tables: str, upgrades: dict[int, str], *, keeps_damaged: bool = True) -> None:
        self._path = path
        self._layout = layout
        self._tables = tables
        self._upgrades = upgrades
        self._keeps_damaged = keeps_damaged
        self.keeps_newer = False
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._scanning = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._scanner: sqlite3.Connection | None = None
        self._damaged = False
        self.problem: str | None = None  # why it could not be written last time

    @property
    def is_open(self) -> bool:
        """For writing, and not known to be damaged."""
        return self._writer is not None and not self._damaged

    @property
    def is_readable(self) -> bool:
        return self._reader is not None and not self._damaged

    def open(self) -> None:
        """Idempotent. Makes the file if there is none, and replaces one that is damaged or of an unknown layout. Raises
        ViewUnavailable, after which what is in the file can be read, if that is possible at all."""
        if self.is_open:
            return None
        if self._damaged:
            self._put_aside()
        for _ in range(2):  # the file, and its copy
            try:
                return self._open()
            except ViewDamaged:
                self._put_aside()
            except ViewUnavailable:
                self._open_to_read()
                raise
        return self._open()

    def close(self) -> None:
        """Idempotent."""
        with self._writing, self._reading, self._scanning:
            for connection in (self._reader, self._scanner, self._writer):
                if connection is not None:
                    with contextlib.suppress(sqlite3.Error):  # a checkpoint for which there is no space
                        connection.close()
            self._reader = self._scanner = self._writer = None

    def back_up(self) -> None:
        """Keeps a copy, from which the next damaged file is restored. Fails in silence where there is no space for it."""
        copy = self._path.with_name(self._path.name + BACKUP)
        fresh = copy.with_name(copy.name + ".new")
        with self._writing, contextlib.suppress(sqlite3.Error, OSError):
            if self._writer is not None and not self._damaged:
                fresh.unlink(missing_ok=True)
                self._writer.execute("VACUUM INTO ?", (str(fresh),))  # reads all of it: what is damaged is not copied
                fresh.replace(copy)

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of the block, or nothing when it raises. Raises ViewUnavailable."""
        with self._writing, self._translated():
            if self._writer is None:
                raise ViewUnavailable(self.problem or "the view is not open")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # SQLite may have rolled back by itself
                    with contextlib.suppress(sqlite3.Error):
                        self._writer.execute("ROLLBACK")
                raise
            self.problem = None

    def release(self) -> bool:
        """Makes the file smaller by what was deleted, a few pages at a time. Whether there is more. Raises ViewUnavailable."""
        with self._writing, self._translated():
            if self._writer is None:
                return False
            is_more = free_pages.release(self._writer, FREE_PAGES_MAX)
            if not is_more:
                self._writer.execute("PRAGMA wal_checkpoint")  # until then only the log says that the file is smaller
                self._writer.execute("PRAGMA shrink_memory")
                memory.trim()
            return is_more

    def empty_log(self) -> None:
        """The write-ahead log has what was deleted until then. Waits for scans. Raises ViewUnavailable."""
        with self._writing, self._translated():
            if self._writer is not None:
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """A few rows by an index. Raises ViewUnavailable."""
        with self._reading:
            return self._rows(self._reader, query, values)

    def scan(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """As `read()`, of many rows: short queries do not wait for it."""
        with self._scanning:
            return self._rows(self._scanner, query, values)

    def _rows(self, connection: sqlite3.Connection | None, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._translated():
            if connection is None:
                raise ViewUnavailable(self.problem or "the view is not open")
            return connection.execute(query, values).fetchall()

    def damaged(self, error: Exception) -> ViewDamaged:
        """What was read makes no sense. Also remembers it, for the next `open()`."""
        self._damaged, self.problem = True, f"the view {self._path} is damaged: {error}"
        return ViewDamaged(self.problem)

    def decoded(self, record: type[R], raw: bytes | None) -> R:
        """Only what was decoded before is written to the file: raises ViewDamaged."""
        try:
            return codec.decode(record, raw)
        except codec.Undecodable as error:
            raise self.damaged(error) from error

    def _open(self) -> None:
        with self._translated():
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise self._unavailable(error.strerror or str(error)) from error
            writer = self._connect(str(self._path))
            try:
                self._lay_out(writer)
                readers = [self._connect(str(self._path)) for _ in range(2)]
            except BaseException:
                writer.close()
                raise
        self._replace(writer, *readers)
        self.problem = None

    def _open_to_read(self) -> None:
        """As it is on the disk: SQLite needs space of its own for anything else."""
        place = f"{self._path.absolute().as_uri()}?mode=ro&immutable=1"
        with contextlib.suppress(sqlite3.Error):
            readers = [sqlite3.connect(place, uri=True, check_same_thread=False) for _ in range(2)]
            if _layout_of(readers[0]) == self._layout:
                self._replace(None, *readers)
            else:
                for reader in readers:
                    reader.close()

    def _replace(self, writer: sqlite3.Connection | None, reader: sqlite3.Connection, scanner: sqlite3.Connection) -> None:
        self.close()
        with self._writing, self._reading, self._scanning:
            self._writer, self._reader, self._scanner = writer, reader, scanner

    def _connect(self, place: str) -> sqlite3.Connection:
        connection = sqlite3.connect(place, timeout=10, isolation_level=None, check_same_thread=False)
        connection.create_function("casefold", 1, str.casefold, deterministic=True)  # SQLite's lower() is for ASCII
        connection.create_function("timestamp", 1, _timestamp, deterministic=True)  # SQLite's julianday() is of milliseconds
        try:
            connection.execute(free_pages.INCREMENTAL)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA secure_delete = ON")  # the default of some builds of SQLite, not of all
            connection.execute("PRAGMA temp_store = MEMORY")  # where a statement has triggers, SQLite begins a journal for it
            connection.execute("PRAGMA synchronous = NORMAL")  # a power failure may lose the last rows, with their offsets
        except BaseException:
            connection.close()
            raise
        return connection

    def _lay_out(self, writer: sqlite3.Connection) -> None:
        found = _layout_of(writer)
        if found == self._layout:
            return
        if self.keeps_newer and found > self._layout:
            raise UsageError(f"{self._path} was written by a newer version of murmur: start that one, or use another data folder")
        names = [row[0] for row in writer.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        drops = "".join(f'DROP TABLE IF EXISTS "{name}";' for name in names)
        change = self._upgrades.get(found, drops + self._tables)
        writer.executescript(f"BEGIN; {change} PRAGMA user_version = {self._layout}; COMMIT;")

    def _put_aside(self) -> None:
        """An earlier damaged file is replaced."""
        self.close()
        hint = f"the damaged file has the ending {PUT_ASIDE}" if self._keeps_damaged else "it is filled again"
        log.warning("view.rebuilt", file=str(self._path), error=self.problem, hint=hint)
        with contextlib.suppress(FileNotFoundError):
            if self._keeps_damaged:
                self._path.replace(self._path.with_name(self._path.name + PUT_ASIDE))
            else:
                self._path.unlink()
        for ending in SIDE_FILES:
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):  # moved, not copied: it is used once, should it be damaged too
            self._path.with_name(self._path.name + BACKUP).replace(self._path)
        self._damaged = False

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in DAMAGED_CODES or _is_no_text(error):
                raise self.damaged(error) from error
            if code in AWAY_CODES:
                raise self._unavailable(AWAY_CODES[code]) from error
            raise

    def _unavailable(self, why: str) -> ViewUnavailable:
        self.problem = f"the view {self._path} cannot be written: {why}"
        return ViewUnavailable(self.problem)


def _is_no_text(error: sqlite3.Error) -> bool:
    """A text that is not UTF-8: the module's own error, not SQLite's. Only UTF-8 was written."""
    return isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode")


def _timestamp(text: str | None) -> float | None:
    """Of a time in a record."""
    return None if text is None else datetime.fromisoformat(text).timestamp()


def _layout_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
