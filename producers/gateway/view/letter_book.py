"""Dead letters in the view's file: those that wait to be replayed or dropped, and the marks of those that were.

Fed by the view from `dead-letters`; read by `/api/dead-letters` and by the health page. `murmur dev` fills its next broker with
those that wait.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from producers.gateway.view.database import Database
from runtime import metrics
from runtime.kafka.messages import Received
from schemas.deadletter import DeadLetter
from schemas.topics import DEAD_LETTERS

LetterState = Literal["waiting", "replayed", "dropped"]
KEPT_S = DEAD_LETTERS.retention_ms / 1000
# `seen`: the last cluster with a record of the letter, as for jobs.
LETTER_TABLES = """
CREATE TABLE dead_letters (
    letter_id TEXT PRIMARY KEY, died_s REAL NOT NULL, state TEXT NOT NULL, stage TEXT NOT NULL, topic TEXT NOT NULL,
    reason TEXT NOT NULL, seen INTEGER NOT NULL, record BLOB NOT NULL
);
CREATE INDEX dead_letters_listed ON dead_letters (state, died_s, letter_id, stage, topic, reason);
"""
WAITING = "SELECT count(*) FROM dead_letters WHERE state = 'waiting'"
LETTER = "INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class LetterPlace(NamedTuple):
    """In the list."""

    died_s: float
    letter_id: str


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters: those that match everything that is given."""

    state: LetterState = "waiting"
    stage: str | None = None
    topic: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def query(self, limit: int, after: LetterPlace | None) -> tuple[str, list[object]]:
        named = {"stage": self.stage, "topic": self.topic, "reason": self.reason}
        conditions: list[tuple[str, list[object]]] = [("state = ?", [self.state])]
        conditions += [(f"{name} = ?", [value]) for name, value in named.items() if value is not None]
        if self.since is not None:
            conditions.append(("died_s >= ?", [self.since.timestamp()]))
        if self.until is not None:
            conditions.append(("died_s < ?", [self.until.timestamp()]))
        if after is not None:
            conditions.append(("(died_s, letter_id) < (?, ?)", [after.died_s, after.letter_id]))
        where = " AND ".join(condition for condition, _ in conditions)
        query = f"SELECT record FROM dead_letters WHERE {where} ORDER BY died_s DESC, letter_id DESC LIMIT ?"
        return query, [*(value for _, values in conditions for value in values), limit]


def state_of(dead: DeadLetter) -> LetterState:
    return dead.settled.outcome if dead.settled is not None else "waiting"


class LetterBook:
    """Reads are safe from any thread; they raise ViewUnavailable. `apply()` and `settled()` are parts of the view's writes."""

    def __init__(self, file: Database) -> None:
        self._file = file

    def apply(self, sql: sqlite3.Connection, record: Received, cluster: int) -> set[str]:
        """The last record of a letter is valid. Also drops what is older than the topic keeps. No job changes by it."""
        dead = record.event
        if isinstance(dead, DeadLetter):
            died_s = dead.died_at.timestamp()
            row = (dead.subject, died_s, state_of(dead), dead.stage, dead.topic, dead.reason, cluster, record.value)
            sql.execute(LETTER, row)
            sql.execute("DELETE FROM dead_letters WHERE died_s < ?", (died_s - KEPT_S,))
            self._count(sql)
        return set()

    def settled(self, sql: sqlite3.Connection, cluster: int) -> None:
        """Drops what only another cluster had."""
        sql.execute("DELETE FROM dead_letters WHERE seen < ?", (cluster,))
        self._count(sql)

    def open(self) -> None:
        """What the last process left. Raises ViewUnavailable."""
        metrics.DEAD_LETTERS_WAITING.set(self.waiting())

    def waiting(self) -> int:
        """How many wait."""
        ((count,),) = self._file.read(WAITING)
        return int(count)

    def get(self, letter_id: str) -> DeadLetter | None:
        rows = self._file.read("SELECT record FROM dead_letters WHERE letter_id = ?", letter_id)
        return self._file.decoded(DeadLetter, rows[0][0]) if rows else None

    def newest(self, limit: int, which: LetterFilter, after: LetterPlace | None = None) -> list[DeadLetter]:
        """The newest first; `after`: those that follow this place in the list."""
        query, values = which.query(limit, after)
        return [self._file.decoded(DeadLetter, record) for (record,) in self._file.scan(query, *values)]

    def unsettled(self) -> Iterator[DeadLetter]:
        """Those that wait, oldest first, for a broker that begins empty."""
        query = "SELECT record FROM dead_letters WHERE state = 'waiting' ORDER BY died_s, letter_id"
        for (record,) in self._file.scan(query):
            yield self._file.decoded(DeadLetter, record)

    def _count(self, sql: sqlite3.Connection) -> None:
        ((count,),) = sql.execute(WAITING)
        metrics.DEAD_LETTERS_WAITING.set(count)
