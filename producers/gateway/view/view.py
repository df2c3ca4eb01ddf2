"""This gateway's view of every job: a SQLite file filled from `requests` (PENDING) and `jobs`, plus progress and workers
in memory.

Offsets are written in the same transaction as the rows, and the cluster's id is stored with them. `murmur dev` reads the file
to fill its next broker.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from producers.gateway.view.cached_works import CachedWorks
from producers.gateway.view.database import Database
from producers.gateway.view.estimates import RECENT, Estimates
from producers.gateway.view.job_filter import JobFilter, Place
from producers.gateway.view.job_view import JobView, KeyUse, groups, shown_name
from producers.gateway.view.layout import CHANGED, LAYOUT, REQUESTED, TABLES, UPGRADES
from producers.gateway.view.letter_book import LetterBook
from producers.gateway.view.notes import Notes
from producers.gateway.view.progress import ProgressBook
from producers.gateway.view.recent_jobs import RecentJobs
from producers.gateway.view.webhook_book import NAMES as WEBHOOK_TOPICS
from producers.gateway.view.webhook_book import WebhookBook
from producers.gateway.view.workers import WorkerBook
from runtime.kafka.messages import Partition, Received
from runtime.settings import Settings
from schemas import codec
from schemas.cache import CacheCleared
from schemas.jobs import TERMINAL, CancelRequested, JobChanged, JobRequested
from schemas.record import ObjectRef
from schemas.topics import CACHE_CHANGELOG, CANCELLATIONS, DEAD_LETTERS, JOBS, REQUESTS, WORKERS
from schemas.work import WorkProgressed
from schemas.worker import WorkerReported

ALL = JobFilter()
LOOKED_AT = 20 * RECENT  # of the ended jobs: many may have been answered from the cache and say nothing of the speed
STORED = (REQUESTS.name, JOBS.name, CANCELLATIONS.name, CACHE_CHANGELOG.name, DEAD_LETTERS.name, *WEBHOOK_TOPICS)


def view_path(settings: Settings) -> Path:
    """Path of the view in the data directory."""
    return settings.data_dir / "gateway" / "view.sqlite3"


class View:
    """All methods are safe from any thread; one write at a time. They raise ViewUnavailable (`database.py`)."""

    def __init__(
        self, path: Path, estimates: Estimates | None = None, *, embedded: bool = False, notes_s: float | None = None
    ) -> None:
        self._file = Database(path, LAYOUT, TABLES, UPGRADES)
        self._notes = Notes(lambda changed: self._file.decoded(JobChanged, changed), embedded=embedded, kept_s=notes_s)
        self._cluster = 0
        self._reached: dict[Partition, int] = {}
        self._recent = RecentJobs[JobView]()
        self.progress = ProgressBook()
        self.webhooks = WebhookBook(self._file)
        self.letters = LetterBook(self._file)
        self._books: dict[str, WebhookBook | LetterBook] = {
            **dict.fromkeys(WEBHOOK_TOPICS, self.webhooks),
            DEAD_LETTERS.name: self.letters,
        }
        self.estimates = estimates or Estimates()
        self.workers = WorkerBook()
        self.cache = CachedWorks(self._file)

    def open(self) -> None:
        """Idempotent. Creates the file if there is none, or replaces one that is damaged or of an unknown layout."""
        if self._file.is_open:
            return
        self._file.open()
        self._recent.clear()
        self._reached = self.offsets()
        self._cluster = int(self._meta("clusters_seen") or 0)
        self.cache.open()
        for last in self._ended_recently():
            self.estimates.ended(last)
        for requested, _ in self.unfinished():
            self.estimates.accepted(requested)

    def close(self) -> None:
        self._file.close()

    def back_up(self) -> None:
        """Keeps a copy for a damaged file, where no topics outlive the process."""
        self._file.back_up()

    @property
    def is_open(self) -> bool:
        """For writing, and not known to be damaged."""
        return self._file.is_open

    @property
    def is_readable(self) -> bool:
        """Also where `open()` has failed for lack of space, if the file was there before."""
        return self._file.is_readable

    @property
    def problem(self) -> str | None:
        """Why it could not be written, or read, last time."""
        return self._file.problem

    # Written by the feed and by submissions

    def follow(self, cluster_id: str) -> Mapping[Partition, int]:
        """The offsets at which to resume reading that cluster. A new cluster is read from the beginning, and jobs that it does
        not contain are dropped by `settled()`."""
        with self._file.write() as sql:
            if self._meta("cluster_id") != cluster_id:
                self._cluster += 1
                self.estimates.clear()
                self._reached = {}
                sql.execute("DELETE FROM offsets")
                sql.execute("DELETE FROM cache")
                sql.executemany(
                    "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                    [("cluster_id", cluster_id), ("clusters_seen", str(self._cluster))],
                )
        return self.offsets()

    def adopt(self, cluster_id: str) -> Mapping[Partition, int]:
        """As `follow()`, of a cluster that continues the last one with other offsets: the known jobs are kept. It is read from
        the beginning even if its id is the last one's, which two embedded brokers of one process may share."""
        with self._file.write() as sql:
            self._reached = {}
            sql.execute("DELETE FROM offsets")
            sql.execute("INSERT OR REPLACE INTO meta VALUES ('cluster_id', ?)", (cluster_id,))
        return self.offsets()

    def settled(self) -> None:
        """The cluster was read to its end: drops jobs that only another cluster had."""
        with self._file.write() as sql:
            sql.execute("DELETE FROM jobs WHERE seen < ?", (self._cluster,))
            self.webhooks.settled(sql, self._cluster)
            self.letters.settled(sql, self._cluster)
        self._recent.clear()

    def apply(self, records: Sequence[Received], positions: Mapping[Partition, int]) -> set[str]:
        """Applies records; rows and positions in one transaction. Returns the ids of the jobs and works that changed."""
        touched: set[str] = set()
        stored = {partition: offset for partition, offset in positions.items() if partition.topic in STORED}
        moved = [(*partition, offset) for partition, offset in stored.items() if self._reached.get(partition) != offset]
        if not records and not moved:
            return touched
        with self._file.write() as sql:
            for record in records:
                touched |= self._apply_one(sql, record)
            sql.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", moved)
        self._recent.drop(touched)
        self._reached = stored
        return touched

    def accept(self, *requests: JobRequested) -> None:
        """Adds requests that the broker has acknowledged, so that they are readable before the feed delivers them."""
        with self._file.write() as sql:
            for requested in requests:
                self._requested(sql, requested, codec.encode(requested))
        self._recent.drop([str(requested.job.job_id) for requested in requests])

    def cancel(self, cancellation: CancelRequested) -> None:
        """Stores a cancellation that the broker has acknowledged, for a successor of that broker."""
        with self._file.write() as sql:
            sql.execute("UPDATE jobs SET cancelled = ? WHERE job_id = ?", (codec.encode(cancellation), str(cancellation.job_id)))

    def delete(self, job_id: UUID, work_id: str) -> None:
        """Shows the job no longer. Safe to repeat."""
        with self._file.write() as sql:
            self._deleted(sql, str(job_id), work_id, datetime.now(UTC))
        self._recent.drop([str(job_id)])

    def forget(self, job_ids: Iterable[str]) -> None:
        """As the tombstones of these jobs."""
        forgotten = list(job_ids)
        with self._file.write() as sql:
            for job_id in forgotten:
                self._notes.forget(sql, job_id, self._cluster)
        self._recent.drop(forgotten)

    def purge(self, now: datetime) -> None:
        """Once the view is up to date: see `Notes`. Safe to repeat."""
        with self._file.write() as sql:
            self._notes.purge(sql, now)

    def remove_notes(self, job_ids: Iterable[UUID]) -> None:
        """Of deleted and forgotten jobs."""
        with self._file.write() as sql:
            self._notes.remove(sql, job_ids)

    def clear_cache(self, cleared: CacheCleared) -> None:
        """Safe to repeat; an earlier clearing changes nothing."""
        with self._file.write() as sql:
            self.cache.clear(sql, cleared)

    def prune_cache(self, since: datetime | None) -> None:
        """Forgets the transcripts that were made until then."""
        with self._file.write() as sql:
            self.cache.prune(sql, since)

    # Read by all handlers

    def caught_up(self, ends: Mapping[Partition, int]) -> bool:
        """Everything before `ends` is in the view."""
        reached = self._reached
        return all(reached.get(partition, 0) >= end for partition, end in ends.items())

    def get(self, job_id: UUID) -> JobView | None:
        """The same object as long as the job has not changed."""
        if (job := self._recent.get(str(job_id))) is not None:
            return job
        changes = self._recent.changes
        rows = self._file.read("SELECT work_id, requested, changed FROM jobs WHERE job_id = ? AND deleted = 0", str(job_id))
        if not rows:
            return None
        job = self._job_view(*rows[0])
        self._recent.keep(str(job_id), job, changes)
        return job

    def newest(self, limit: int, which: JobFilter = ALL, *, after: Place | None = None) -> list[JobView]:
        """The jobs submitted last, newest first; `after`: those that follow this place in the list."""
        query, values = which.query(limit, after)
        return [self._job_view(*row) for row in self._file.scan(query, *values)]

    def counts(self, owner: str | None = None) -> dict[str, int]:
        """How many jobs are in each state that occurs; of all owners unless one is given."""
        where, values = ("owner = ? AND deleted = 0", (owner,)) if owner is not None else ("deleted = 0", ())
        query = f"SELECT state, count(*) FROM jobs INDEXED BY jobs_counted WHERE {where} GROUP BY state"
        return dict(self._file.scan(query, *values))

    def unfinished_of(self, owner: str) -> tuple[int, UUID | None]:
        """How many jobs of an owner have not ended, and the oldest of them."""
        where = "owner = ? AND state IN ('PENDING', 'STARTED') AND deleted = 0"
        query = f"SELECT count(*), job_id, min(submitted_s) FROM jobs INDEXED BY jobs_counted WHERE {where}"
        ((count, oldest, _),) = self._file.scan(query, owner)  # SQLite takes job_id from the row of the minimum
        return count, UUID(oldest) if oldest is not None else None

    def oldest_submitted_at(self) -> datetime | None:
        """Of the jobs that are listed."""
        query = "SELECT submitted_s FROM jobs INDEXED BY jobs_listed WHERE deleted = 0 ORDER BY submitted_s LIMIT 1"
        rows = self._file.scan(query)
        return datetime.fromtimestamp(rows[0][0], UTC) if rows else None

    def cache_uses(self, since: datetime | None, owner: str | None = None) -> tuple[int, int]:
        """How many of the succeeded jobs that were submitted later than `since` needed no transcription, and how many did."""
        where = "state = 'SUCCESS' AND deleted = 0 AND submitted_s > ? AND coalesce(? = owner, 1)"
        query = f"SELECT cached, count(*) FROM jobs INDEXED BY jobs_counted WHERE {where} GROUP BY cached"
        counts = dict(self._file.scan(query, since.timestamp() if since is not None else 0.0, owner))
        return counts.get(1, 0), counts.get(0, 0)

    def request(self, job_id: UUID) -> JobRequested | None:
        """What was requested; None for a job whose request had expired before this view was filled."""
        rows = self._file.read("SELECT requested FROM jobs WHERE job_id = ? AND requested IS NOT NULL", str(job_id))
        return self._file.decoded(JobRequested, rows[0][0]) if rows else None

    def last(self, job_id: UUID) -> JobChanged | None:
        """The last record of a job; None for one that is not known to have started."""
        query = "SELECT changed FROM jobs WHERE job_id = ? AND changed IS NOT NULL AND deleted = 0"
        rows = self._file.read(query, str(job_id))
        return self._file.decoded(JobChanged, rows[0][0]) if rows else None

    def has_work(self, work_id: str, owner: str | None) -> bool:
        """Whether a job of this owner, or of any, needs or needed this work."""
        query = "SELECT 1 FROM jobs WHERE work_id = ? AND deleted = 0 AND coalesce(? = owner, 1) LIMIT 1"
        return bool(self._file.read(query, work_id, owner))

    def is_shared(self, job: JobView) -> bool:
        """Whether another job needs the same work."""
        query = "SELECT 1 FROM jobs WHERE work_id = ? AND job_id <> ? AND deleted = 0 LIMIT 1"
        return bool(self._file.read(query, job.work_id, str(job.job_id)))

    def has_audio(self, ref: ObjectRef, but: UUID) -> bool:
        """Whether any other job names this object. Looks at all jobs: for rare calls."""
        query = "SELECT 1 FROM jobs WHERE deleted = 0 AND job_id <> ? AND instr(coalesce(requested, changed), ?) LIMIT 1"
        return bool(self._file.scan(query, str(but), f'"{ref.key}"'.encode()))

    def batch(self, batch_id: UUID, owner: str | None = None) -> list[JobView]:
        """The jobs of one owner, or of any, that were submitted together, in the order in which they were accepted."""
        query = """SELECT work_id, requested, changed FROM jobs
            WHERE batch_id = ? AND deleted = 0 AND coalesce(? = owner, 1) ORDER BY submitted_s, job_id"""
        return [self._job_view(*row) for row in self._file.read(query, str(batch_id), owner)]

    def by_key(self, key: str, since: datetime) -> KeyUse | None:
        """The job of the first submission with this digest of an Idempotency-Key after `since`."""
        query = """SELECT job_id, deleted, requested FROM jobs WHERE idempotency = ? AND submitted_s >= ?
            ORDER BY submitted_s LIMIT 1"""
        for job_id, deleted, requested in self._file.read(query, key, since.timestamp()):
            if deleted or requested is None:
                return KeyUse(UUID(job_id), None)
            return KeyUse(UUID(job_id), self._file.decoded(JobRequested, requested))
        return None

    def unfinished(self) -> Iterator[tuple[JobRequested, CancelRequested | None]]:
        """The jobs that have not ended, oldest first, each with its cancellation if `cancel` has stored one."""
        unfinished = "state IN ('PENDING', 'STARTED') AND requested IS NOT NULL AND deleted = 0"
        query = f"SELECT requested, cancelled FROM jobs WHERE {unfinished} ORDER BY submitted_s"
        for requested, cancelled in self._file.scan(query):
            yield (
                self._file.decoded(JobRequested, requested),
                self._file.decoded(CancelRequested, cancelled) if cancelled else None,
            )

    def jobs(self) -> Iterator[JobChanged]:
        """The last record of every job that has one, oldest first; of a deleted or forgotten drop the note that is kept of it."""
        for (changed,) in self._file.scan("SELECT changed FROM jobs WHERE changed IS NOT NULL ORDER BY submitted_s"):
            yield self._file.decoded(JobChanged, changed)

    def notes(self) -> Iterator[JobChanged]:
        """What is kept of deleted and forgotten drops."""
        for (changed,) in self._file.scan("SELECT changed FROM jobs WHERE changed IS NOT NULL AND deleted > 0"):
            yield self._file.decoded(JobChanged, changed)

    def _ended_recently(self) -> Iterator[JobChanged]:
        query = "SELECT changed FROM jobs WHERE state = 'SUCCESS' AND deleted = 0 ORDER BY submitted_s DESC LIMIT ?"
        for (changed,) in reversed(self._file.read(query, LOOKED_AT)):
            yield self._file.decoded(JobChanged, changed)

    def offsets(self) -> dict[Partition, int]:
        """The next offset to read, of each partition that was read."""
        rows = self._file.read("SELECT topic, partition, next FROM offsets")
        return {Partition(topic, number): offset for topic, number, offset in rows}

    def _apply_one(self, sql: sqlite3.Connection, record: Received) -> set[str]:
        event, raw = record.event, record.value or b""
        if isinstance(event, JobRequested):
            self._requested(sql, event, raw)
            return {str(event.job.job_id)}
        if isinstance(event, JobChanged):
            self._changed(sql, event, raw)
            return {str(event.job.job_id)}
        if isinstance(event, WorkProgressed):
            self.progress.note(event, record.timestamp_ms / 1000)
            return {event.work_id}
        if isinstance(event, WorkerReported):
            self.workers.note(event)
            return set()
        if isinstance(event, CacheCleared):
            self.cache.clear(sql, event)
            return set()
        if isinstance(event, CancelRequested) and event.delete:
            self._deleted(sql, str(event.job_id), event.work_id, event.requested_at)
            return {str(event.job_id)}
        if record.topic == CACHE_CHANGELOG.name:
            self.cache.note(sql, record.key, record.value)
            return set()
        if (book := self._books.get(record.topic)) is not None:
            return book.apply(sql, record, self._cluster)
        if record.key and record.value is None:
            return self._gone(sql, record.topic, record.key.decode(errors="replace"))
        return set()  # not decoded: the stage that processes the topic writes the dead letter

    def _gone(self, sql: sqlite3.Connection, topic: str, key: str) -> set[str]:
        """A tombstone."""
        if topic == WORKERS.name:
            self.workers.forget(key)
        if topic != JOBS.name:
            return set()
        self._notes.forget(sql, key, self._cluster)
        return {key}

    def _requested(self, sql: sqlite3.Connection, event: JobRequested, raw: bytes) -> None:
        job = event.job
        row = (str(job.job_id), event.work.work_id, job.owner, job.submitted_at.timestamp(), self._cluster, raw)
        sql.execute(REQUESTED, (*row, *groups(job), event.work.model.name, shown_name(job).casefold()))
        (state,) = sql.execute("SELECT state FROM jobs WHERE job_id = ?", (str(job.job_id),)).fetchone()
        if state not in TERMINAL:  # its end may have been read before
            self.estimates.accepted(event)

    def _changed(self, sql: sqlite3.Connection, event: JobChanged, raw: bytes) -> None:
        job, cluster = event.job, self._cluster
        known = sql.execute("SELECT state, told, deleted FROM jobs WHERE job_id = ?", (str(job.job_id),)).fetchone()
        if known and known[2]:
            note = self._notes.of(raw)
            sql.execute("UPDATE jobs SET seen = ?, changed = ? WHERE job_id = ?", (cluster, note, str(job.job_id)))
            return
        if known and known[0] in TERMINAL and not (event.state in TERMINAL and known[1] < cluster):
            sql.execute("UPDATE jobs SET seen = ? WHERE job_id = ?", (cluster, str(job.job_id)))
            return  # ended: only another cluster may have another end
        row = (str(job.job_id), event.work_id, event.state, job.owner, job.submitted_at.timestamp(), cluster, cluster, raw)
        sql.execute(CHANGED, (*row, *groups(job), event.model.name, shown_name(job).casefold(), event.cached))
        if event.state in TERMINAL:
            self.estimates.ended(event)
        if event.state in ("SUCCESS", "FAILURE"):  # a revoked job's work may continue for other jobs
            self.progress.forget(event.work_id)

    def _deleted(self, sql: sqlite3.Connection, job_id: str, work_id: str, at: datetime) -> None:
        self.estimates.deleted(UUID(job_id))
        self._notes.delete(sql, job_id, work_id, self._cluster, at)

    def _meta(self, name: str) -> str | None:
        rows = self._file.read("SELECT value FROM meta WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def _job_view(self, work_id: str, requested: bytes | None, changed: bytes | None) -> JobView:
        if changed is not None:
            last = self._file.decoded(JobChanged, changed)
            facts = (last.model, last.cached, last.result, last.error, last.started_at, last.duration_s)
            return JobView(last.job, work_id, last.state, last.changed_at, *facts)
        first = self._file.decoded(JobRequested, requested)
        return JobView(first.job, work_id, "PENDING", first.job.submitted_at, first.work.model)
