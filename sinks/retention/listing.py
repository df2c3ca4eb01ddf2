"""What the sweep in progress has found in the store: a table in the ledger's file, joined there with the jobs and cached answers
that name it. So neither is held in memory.

Filled and read by the sweeper.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from runtime import free_pages, memory
from runtime.retention import KindName

TABLE = """
DROP TABLE IF EXISTS objects; DROP TABLE IF EXISTS uses;
CREATE TABLE objects (
    kind TEXT, name TEXT, bucket TEXT, key TEXT, size_bytes INTEGER, modified_s REAL, part TEXT,
    PRIMARY KEY (kind, name, bucket, key, part)
) WITHOUT ROWID;
CREATE TABLE uses (used_s REAL, name TEXT, PRIMARY KEY (used_s, name)) WITHOUT ROWID;
"""
PAGE = 500  # items at a time
OF_A_PAGE = """
FROM objects WHERE kind = :kind AND name > :after AND name <= coalesce(
    (SELECT name FROM objects WHERE kind = :kind AND name > :after ORDER BY name LIMIT 1 OFFSET :page), char(0x10FFFF)
)
"""
STORED = f"SELECT count(*), coalesce(sum(size_bytes), 0), min(modified_s), max(name) {OF_A_PAGE}"
SEVERAL = f"SELECT name {OF_A_PAGE} AND part != '' GROUP BY name HAVING count(DISTINCT part) > 1"
ENDED = "('SUCCESS', 'FAILURE', 'REVOKED')"
COLUMNS: dict[KindName, str] = {
    "chunks": "slice_id",
    "uploads": "audio",
    "transcripts": "work_id",
    "corrections": "work_id",
    "versions": "audio",
}
# What jobs name, if that is not the item.
NAMED: dict[KindName, str] = {
    "chunks": "substr(objects.name, 1, instr(objects.name || '/', '/') - 1)",  # the slice, also of a run
    "versions": "objects.bucket || '/' || objects.key",
}


class Stored(NamedTuple):
    """What can be deleted with one request. `name`: of the item that it belongs to. `part`: which one of several under one key:
    the store's handle of an unfinished upload; of chunk audio, the run."""

    kind: KindName
    name: str
    bucket: str
    key: str
    size_bytes: int
    modified_s: float
    part: str = ""


class Amount(NamedTuple):
    """`oldest_s`: when the oldest was written; None: there is none."""

    files: int = 0
    size_bytes: int = 0
    oldest_s: float | None = None

    def plus(self, other: "Amount") -> "Amount":
        oldest_s = min((at_s for at_s in (self.oldest_s, other.oldest_s) if at_s is not None), default=None)
        return Amount(self.files + other.files, self.size_bytes + other.size_bytes, oldest_s)


NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Item:
    """All that has one name, and who uses it. Times are None where there was none: `ended_s` of the last job, `cached_s` of
    the last use of the cache's entry, `released_s` of the last job or entry that no longer names it."""

    name: str
    files: int
    size_bytes: int
    modified_s: float
    unfinished: bool = False
    failed: bool = False
    ended_s: float | None = None
    cached_s: float | None = None
    released_s: float | None = None

    @property
    def is_named(self) -> bool:
        return self.unfinished or self.ended_s is not None or self.cached_s is not None


class Listing:
    """For one thread."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        self._sql = sql

    def clear(self) -> None:
        self._empty("objects")
        self._empty("uses")

    def _empty(self, table: str) -> None:
        """Without a rollback journal, which would have all of the table in memory."""
        self._sql.execute("PRAGMA journal_mode = OFF")
        self._sql.execute(f"DELETE FROM {table}")
        self._sql.execute("PRAGMA journal_mode = MEMORY")

    def close(self) -> Iterator[None]:
        """In small steps: gives the space back that it has taken, on the disk and in memory."""
        self.clear()
        while free_pages.release(self._sql):
            yield
        self._sql.execute("PRAGMA shrink_memory")
        memory.trim()

    def add(self, objects: Iterable[Stored]) -> None:
        self._sql.execute("BEGIN")
        self._sql.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)", objects)
        self._sql.execute("COMMIT")

    def split(self, kind: KindName, name: str, kept: str) -> None:
        """Makes each part an item of its own, called `name/part`, but the one that is `kept` and what has no part."""
        query = "UPDATE objects SET name = name || '/' || part WHERE kind = ? AND name = ? AND part NOT IN ('', ?)"
        self._sql.execute(query, (kind, name, kept))

    def of_several_parts(self, kind: KindName) -> Iterator[list[str]]:
        """The names of such items, of a page at a time."""
        for page in self._pages(kind):
            yield [name for (name,) in self._sql.execute(SEVERAL, page).fetchall()]

    def stored(self, kind: KindName) -> Iterator[Amount]:
        """Of the items of a page at a time."""
        for page in self._pages(kind):
            *amount, _ = self._sql.execute(STORED, page).fetchone()
            yield Amount(*amount)

    def _pages(self, kind: KindName) -> Iterator[dict[str, str | int]]:
        after: str | None = ""
        while after is not None:
            page: dict[str, str | int] = {"kind": kind, "after": after, "page": PAGE}
            (after,) = self._sql.execute(f"SELECT max(name) {OF_A_PAGE}", page).fetchone()
            yield page

    def items(self, kind: KindName, after: str = "") -> list[Item]:
        """The first of those whose names follow, in the order of names."""
        return self._items(kind, "name > ? GROUP BY name ORDER BY name LIMIT ?", after, PAGE)

    def item(self, kind: KindName, name: str) -> Item | None:
        """As it is now."""
        return next(iter(self._items(kind, "name = ? GROUP BY name", name)), None)

    def _items(self, kind: KindName, which: str, *values: object) -> list[Item]:
        of, name = COLUMNS.get(kind), NAMED.get(kind, "objects.name")
        jobs = f"(SELECT {{}} FROM jobs WHERE {of} = {name} {{}})" if of is not None else "NULL"
        columns = (
            jobs.format("1", f"AND state NOT IN {ENDED} LIMIT 1"),
            jobs.format("1", "AND state = 'FAILURE' LIMIT 1"),
            jobs.format("max(at_s)", f"AND state IN {ENDED}"),
            "(SELECT used_s FROM cached WHERE work_id = name)" if kind == "transcripts" else "NULL",
            f"(SELECT at_s FROM released WHERE released.name = {name})" if kind != "versions" else "NULL",
        )
        grouped = f"SELECT name, count(*), sum(size_bytes), max(modified_s), {', '.join(columns)}"
        rows = self._sql.execute(f"{grouped} FROM objects WHERE kind = ? AND {which}", (kind, *values)).fetchall()
        return [
            Item(name, files, size_bytes, modified_s, bool(unfinished), bool(failed), ended_s, cached_s, released_s)
            for name, files, size_bytes, modified_s, unfinished, failed, ended_s, cached_s, released_s in rows
        ]

    def rank(self, uses: Iterable[tuple[float, str]]) -> None:
        """Adds items, each with its last use, to those that `least_used()` returns. Of one kind at a time."""
        self._sql.execute("BEGIN")
        self._sql.executemany("INSERT INTO uses VALUES (?, ?)", uses)
        self._sql.execute("COMMIT")

    def least_used(self) -> list[str]:
        """The names of a few that were used longest ago; the next call returns the next ones."""
        rows = self._sql.execute("SELECT used_s, name FROM uses ORDER BY used_s, name LIMIT ?", (PAGE,)).fetchall()
        if rows:
            self._sql.execute("DELETE FROM uses WHERE (used_s, name) <= (?, ?)", rows[-1])
        return [name for _, name in rows]

    def unrank(self) -> None:
        """Forgets the rest of them."""
        self._empty("uses")

    def objects(self, kind: KindName, name: str) -> list[Stored]:
        query = """SELECT kind, name, bucket, key, size_bytes, modified_s, part FROM objects WHERE kind = ? AND name = ?
            ORDER BY key DESC"""
        return [Stored(*row) for row in self._sql.execute(query, (kind, name)).fetchall()]

    def removed(self, each: Stored) -> None:
        where = "kind = ? AND name = ? AND bucket = ? AND key = ? AND part = ?"
        self._sql.execute(f"DELETE FROM objects WHERE {where}", (each.kind, each.name, each.bucket, each.key, each.part))
