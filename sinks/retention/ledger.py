"""Which jobs, works and cached answers name what is in the store: a SQLite file, filled from the topics anew by each process.

Fed by `requests`, `jobs` and the changelog of the cache; read by the sweeper. The file also has the listing of the sweep in
progress (`listing.py`). Nothing is flushed: a crash leaves a file that is not used again.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from runtime import free_pages
from runtime.kafka.messages import Received
from runtime.objects import keys
from schemas.jobs import Job, JobChanged, JobRequested
from schemas.record import ObjectRef
from schemas.topics import CACHE_CHANGELOG, JOBS
from sinks.retention.listing import PAGE, Amount, Listing
from sinks.retention.listing import TABLE as LISTED

TABLES = """
DROP TABLE IF EXISTS jobs; DROP TABLE IF EXISTS cached; DROP TABLE IF EXISTS released;
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY, work_id TEXT NOT NULL, slice_id TEXT, audio TEXT, state TEXT NOT NULL, at_s REAL NOT NULL,
    record_bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX jobs_by_work ON jobs (work_id, state, at_s);
CREATE INDEX jobs_by_slice ON jobs (slice_id, state, at_s) WHERE slice_id IS NOT NULL;
CREATE INDEX jobs_by_audio ON jobs (audio, state, at_s) WHERE audio IS NOT NULL;
CREATE INDEX jobs_without_state ON jobs (at_s) WHERE state = '';
CREATE TABLE cached (work_id TEXT PRIMARY KEY, used_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE released (name TEXT PRIMARY KEY, at_s REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX released_by_time ON released (at_s);
"""
RECORDS = """
SELECT
    coalesce(sum(record_bytes > 0), 0), coalesce(sum(record_bytes), 0), min(CASE WHEN record_bytes > 0 THEN at_s END), max(job_id)
FROM (SELECT job_id, record_bytes, at_s FROM jobs WHERE job_id > ? ORDER BY job_id LIMIT ?)
"""
PRUNED = (
    "DELETE FROM jobs WHERE job_id IN (SELECT job_id FROM jobs WHERE state = '' AND at_s < ? LIMIT ?)",
    "DELETE FROM released WHERE name IN (SELECT name FROM released WHERE at_s < ? LIMIT ?)",
)
REQUESTED = """
INSERT INTO jobs VALUES (?, ?, ?, ?, '', ?, 0)
ON CONFLICT (job_id) DO UPDATE SET slice_id = excluded.slice_id, audio = excluded.audio
"""
CHANGED = """
INSERT INTO jobs VALUES (?, ?, NULL, ?, ?, ?, ?)
ON CONFLICT (job_id) DO UPDATE SET state = excluded.state, at_s = excluded.at_s, audio = coalesce(audio, excluded.audio),
    record_bytes = excluded.record_bytes
"""


class Ledger:
    """For one thread. `open()` before anything else."""

    def __init__(self, path: Path, work_bucket: str) -> None:
        self._path = path
        self._work_bucket = work_bucket
        self._sql: sqlite3.Connection | None = None

    def open(self, *, fresh: bool = True) -> None:
        """`fresh`: empty, whatever is in the file; else as it was left."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        is_new = fresh or not self.exists
        if fresh:
            self.remove()
        self._sql = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._sql.execute("PRAGMA journal_mode = MEMORY")
        self._sql.execute("PRAGMA synchronous = OFF")
        if is_new:
            self._sql.execute(free_pages.INCREMENTAL)
            self._sql.executescript(TABLES + LISTED)

    def close(self) -> None:
        """Idempotent."""
        if self._sql is not None:
            self._sql.close()
            self._sql = None

    @property
    def exists(self) -> bool:
        return self._path.exists()

    @property
    def is_open(self) -> bool:
        return self._sql is not None

    def remove(self) -> None:
        """The file, which may be open."""
        self._path.unlink(missing_ok=True)

    @property
    def sql(self) -> sqlite3.Connection:
        assert self._sql is not None
        return self._sql

    @property
    def listing(self) -> Listing:
        return Listing(self.sql)

    def apply(self, records: Iterable[Received]) -> None:
        """Safe to repeat, in the order of their topics."""
        self.sql.execute("BEGIN")
        for record in records:
            self._apply(record)
        self.sql.execute("COMMIT")

    def _apply(self, record: Received) -> None:
        event, now_s = record.event, record.timestamp_ms / 1000
        if isinstance(event, JobRequested):
            self.requested(event, now_s)
        elif isinstance(event, JobChanged):
            self.changed(event, len(record.key or b"") + len(record.value or b""))
        elif record.key is None:
            return
        elif record.topic == JOBS.name and record.value is None:
            self._forget(record.key.decode(errors="replace"), now_s)
        elif record.topic == CACHE_CHANGELOG.name:
            self._cache_changed(record.key.decode(errors="replace"), record.value, now_s)

    def requested(self, event: JobRequested, now_s: float) -> None:
        """`now_s`: when the request was written; a job that waits is as old as its request, however long ago it was submitted."""
        work = event.work
        self.sql.execute(REQUESTED, (str(event.job.job_id), work.work_id, work.slice_id, self._place(work.audio), now_s))

    def changed(self, event: JobChanged, record_bytes: int) -> None:
        row = (event.subject, event.work_id, self._audio(event.job), event.state, event.changed_at.timestamp())
        self.sql.execute(CHANGED, (*row, record_bytes))

    def cached(self, work_id: str, used_s: float) -> None:
        self.sql.execute("INSERT OR REPLACE INTO cached VALUES (?, ?)", (work_id, used_s))

    def prune(self, before_s: float) -> Iterator[None]:
        """Jobs that were requested before and have no state: the coordinator has forgotten them. Notes of releases as old."""
        for statement in PRUNED:
            while self.sql.execute(statement, (before_s, PAGE)).rowcount:
                yield

    def job_records(self) -> Iterator[Amount]:
        """What a compacted `jobs` has, the newest record of each job: of a page at a time."""
        after: str | None = ""
        while after is not None:
            *amount, after = self.sql.execute(RECORDS, (after, PAGE)).fetchone()
            yield Amount(*amount)

    def _forget(self, job_id: str, now_s: float) -> None:
        row = self.sql.execute("SELECT work_id, slice_id, audio FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        if row is not None:
            self.sql.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))
            self._release([name for name in row if name is not None], now_s)

    def _cache_changed(self, work_id: str, value: bytes | None, now_s: float) -> None:
        if value is not None:
            self.cached(work_id, now_s)
        elif self.sql.execute("DELETE FROM cached WHERE work_id = ?", (work_id,)).rowcount:
            self._release([work_id], now_s)

    def _release(self, names: Iterable[str], now_s: float) -> None:
        self.sql.executemany("INSERT OR REPLACE INTO released VALUES (?, ?)", [(name, now_s) for name in names])

    def _audio(self, job: Job) -> str | None:
        """Of a job whose request was not read."""
        if job.dropped is not None:
            return None
        own = ObjectRef(bucket=self._work_bucket, key=keys.own_upload_key(job))
        return self._place(job.stored or own)

    @staticmethod
    def _place(audio: ObjectRef) -> str:
        return f"{audio.bucket}/{audio.key}"
