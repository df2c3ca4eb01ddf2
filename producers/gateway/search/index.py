"""The words of transcripts, in a SQLite file of their own beside the view: which jobs have the words of a query.

It can be deleted at any time: what fills it is in the view and in the object store (`indexing.py`). A text that several jobs have
is in it once.
"""

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from cachetools import LRUCache

from producers.gateway.search.words import expression
from producers.gateway.view.database import SIDE_FILES, Database
from runtime.settings import Settings

KEPT_MAX = 8  # searches whose results are kept until the index changes
FOUND_MAX = 20_000  # jobs of one query, the newest: a word that most jobs have selects none
LAYOUT = 2
LEFT_OUT, GONE = 0, -1  # in place of a size: of a text for which there is no room, or that is no longer in the store
# Texts that were removed and whose words are still in the file, which FTS5 only marks.
REMAINS = "CREATE TABLE remains (text_id INTEGER PRIMARY KEY);"
UPGRADES = {1: f"{REMAINS} INSERT INTO remains VALUES (0);"}  # there may be words of any
# `key`: of the transcript in the store. `size_bytes`: of its words.
TABLES = f"""
CREATE TABLE texts (
    text_id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, made_s REAL NOT NULL, size_bytes INTEGER NOT NULL
);
CREATE INDEX texts_by_age ON texts (made_s, size_bytes);
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY, text_id INTEGER NOT NULL, submitted_s REAL NOT NULL, owner TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX jobs_by_text ON jobs (text_id, owner, submitted_s);
CREATE VIRTUAL TABLE spoken USING fts5 (words, tokenize = 'ascii');
{REMAINS}"""  # the tokenizer separates at blanks: `words.py` has done the rest
FIND = """
SELECT job_id FROM jobs WHERE text_id IN (SELECT rowid FROM spoken WHERE spoken MATCH ?) AND coalesce(? = owner, 1)
ORDER BY submitted_s DESC LIMIT ?
"""


def index_path(settings: Settings) -> Path:
    """In the data directory."""
    return settings.data_dir / "gateway" / "words.sqlite3"


@dataclass(frozen=True, slots=True)
class Text:
    """A transcript, by its key in the store. `made_s`: when it was transcribed; a later one replaces it."""

    key: str
    made_s: float


@dataclass(frozen=True, slots=True)
class Indexed:
    """A job and its text. `words`: as `words()` makes them, between blanks; None: the index has this text, or no room for it."""

    job_id: str
    owner: str
    submitted_s: float
    text: Text
    words: str | None


class TextIndex:
    """Safe from any thread; one write at a time. Raises ViewUnavailable. `max_bytes`: of words, the oldest texts are left out."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._file = Database(path, LAYOUT, TABLES, UPGRADES, keeps_damaged=False)  # it has words of jobs that are deleted later
        self._max_bytes = max_bytes
        self._changes = 0
        self._found: LRUCache[tuple[str, str | None], tuple[int, list[str]]] = LRUCache(KEPT_MAX)  # pages repeat their search
        self._finding = threading.Lock()

    def open(self) -> None:
        """Idempotent. A damaged file is replaced by an empty one."""
        if not self._file.is_open:
            self._file.open()
            self._changes += 1

    def close(self) -> None:
        self._file.close()

    def remove(self) -> None:
        """Deletes the file, which is not open."""
        for ending in ("", *SIDE_FILES):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    @property
    def is_open(self) -> bool:
        return self._file.is_open

    def find(self, query: str, owner: str | None = None) -> list[str]:
        """The ids of the jobs of one owner, or of any, whose text has all words of the query: the newest `FOUND_MAX`."""
        if (match := expression(query)) is None:
            return []
        changes = self._changes
        with self._finding:
            kept = self._found.get((match, owner))
        if kept is not None and kept[0] == changes:
            return kept[1]
        found = [job_id for (job_id,) in self._file.scan(FIND, match, owner, FOUND_MAX)]
        with self._finding:
            self._found[match, owner] = changes, found
        return found

    def is_whole(self, owner: str | None = None) -> bool:
        """No text of a job of this owner, or of any, was left out for lack of room."""
        query = "SELECT 1 FROM texts CROSS JOIN jobs USING (text_id) WHERE size_bytes = ? AND coalesce(? = owner, 1) LIMIT 1"
        return not self._file.scan(query, LEFT_OUT, owner)

    def job_ids(self) -> set[str]:
        return {job_id for (job_id,) in self._file.scan("SELECT job_id FROM jobs")}

    def known(self, job_ids: Iterable[str]) -> list[str]:
        """Those of them that it has."""
        query = "SELECT job_id FROM jobs WHERE job_id IN (SELECT value FROM json_each(?))"
        return [job_id for (job_id,) in self._file.read(query, json.dumps(list(job_ids)))]

    def needs(self, text: Text) -> bool:
        """Whether the words of this text are to be read: it is not known, and not older than all for which there is room."""
        if self._file.read("SELECT 1 FROM texts WHERE key = ? AND made_s >= ?", text.key, text.made_s):
            return False
        ((size_bytes, oldest_s),) = self._file.read("SELECT sum(size_bytes), min(made_s) FROM texts WHERE size_bytes > 0")
        return (size_bytes or 0) < self._max_bytes or text.made_s > oldest_s

    def write(self, indexed: Iterable[Indexed], gone: Collection[str] = ()) -> None:
        """Adds jobs and removes others, with the texts that no job has any more. Safe to repeat."""
        with self._file.write() as sql:
            for each in indexed:
                _add(sql, each)
            if gone:
                sql.executemany("DELETE FROM jobs WHERE job_id = ?", [(job_id,) for job_id in gone])
                unused = sql.execute("SELECT text_id FROM texts WHERE text_id NOT IN (SELECT text_id FROM jobs)").fetchall()
                _remove_words(sql, unused)
                sql.executemany("DELETE FROM texts WHERE text_id = ?", unused)
            self._keep_within_limit(sql)
        self._changes += 1

    def keep_only(self, stored: Set[str], before_s: float) -> None:
        """Removes the words of texts that are no longer in the store, by its keys. `before_s`: when it was listed; later ones may
        not be in the list."""
        texts = self._file.scan("SELECT text_id, key FROM texts WHERE made_s < ? AND size_bytes <> ?", before_s, GONE)
        lost = [(text_id,) for text_id, key in texts if key not in stored]
        if not lost:
            return
        with self._file.write() as sql:
            _remove_words(sql, lost)
            sql.executemany(f"UPDATE texts SET size_bytes = {GONE} WHERE text_id = ?", lost)
        self._changes += 1

    def is_tidy(self) -> bool:
        """No words of texts that were removed are in the file, except of those for which there was no room."""
        return not self._file.read("SELECT 1 FROM remains LIMIT 1")

    def tidy(self) -> None:
        """Writes the index anew, without what was removed. Blocks, for seconds where it is large."""
        with self._file.write() as sql:
            sql.execute("INSERT INTO spoken (spoken) VALUES ('optimize')")
            sql.execute("DELETE FROM remains")
        while self._file.release():
            pass
        self._file.empty_log()

    def _keep_within_limit(self, sql: sqlite3.Connection) -> None:
        ((size_bytes,),) = sql.execute("SELECT coalesce(sum(size_bytes), 0) FROM texts WHERE size_bytes > 0")
        if size_bytes <= self._max_bytes:
            return
        oldest: Sequence[tuple[int, int]] = sql.execute(
            "SELECT text_id, size_bytes FROM texts WHERE size_bytes > 0 ORDER BY made_s"
        ).fetchall()
        for text_id, of_it in oldest:
            if size_bytes <= self._max_bytes:
                break
            size_bytes -= of_it
            sql.execute("DELETE FROM spoken WHERE rowid = ?", (text_id,))
            sql.execute("UPDATE texts SET size_bytes = ? WHERE text_id = ?", (LEFT_OUT, text_id))  # so that it is not read again


def _add(sql: sqlite3.Connection, indexed: Indexed) -> None:
    text = indexed.text
    known = sql.execute("SELECT text_id, made_s FROM texts WHERE key = ?", (text.key,)).fetchone()
    if known is None:
        values = (text.key, text.made_s, LEFT_OUT)
        text_id = sql.execute("INSERT INTO texts (key, made_s, size_bytes) VALUES (?, ?, ?)", values).lastrowid
    else:
        text_id = known[0]
    if indexed.words is not None and (known is None or known[1] <= text.made_s):
        size_bytes = len(indexed.words.encode()) + 1  # also of a text without words, which was not left out
        sql.execute("DELETE FROM spoken WHERE rowid = ?", (text_id,))
        sql.execute("INSERT INTO spoken (rowid, words) VALUES (?, ?)", (text_id, indexed.words))
        sql.execute("UPDATE texts SET made_s = ?, size_bytes = ? WHERE text_id = ?", (text.made_s, size_bytes, text_id))
    sql.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?)", (indexed.job_id, text_id, indexed.submitted_s, indexed.owner))


def _remove_words(sql: sqlite3.Connection, text_ids: Sequence[tuple[int]]) -> None:
    sql.executemany("DELETE FROM spoken WHERE rowid = ?", text_ids)
    sql.executemany("INSERT OR IGNORE INTO remains VALUES (?)", text_ids)
