"""This gateway's view of every job: a SQLite file filled from `requests` (PENDING) and `jobs`, plus progress and workers
in memory.

Offsets are written in the same transaction as the rows, and the cluster's id is stored with them. `murmur dev` reads the file
to fill its next broker.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from producers.gateway.view.cached_works import CachedWorks
from producers.gateway.view.database import Database
from producers.gateway.view.estimates import Estimates
from producers.gateway.view.job_book import JobBook
from producers.gateway.view.job_rows import JobRows
from producers.gateway.view.job_view import JobView
from producers.gateway.view.layout import LAYOUT, TABLES, UPGRADES
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
from schemas.jobs import CancelRequested, JobChanged, JobRequested
from schemas.topics import CACHE_CHANGELOG, CANCELLATIONS, DEAD_LETTERS, JOBS, REQUESTS, WORKERS
from schemas.webhooks import WebhookDelivery
from schemas.work import WorkProgressed
from schemas.worker import WorkerReported

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
        self._file.keeps_newer = embedded  # there, no topic has the jobs
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
        self.jobs = JobBook(self._file)
        self._rows = JobRows(self._notes, self.estimates, self.progress)
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
        self.letters.open()
        for last in self.jobs.ended_recently():
            self.estimates.ended(last)
        for requested, _ in self.jobs.unfinished():
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
        """The cluster was read to its end: drops jobs that only another cluster had. Once, since it looks at all rows."""
        if self._meta("settled_cluster") == str(self._cluster):
            return
        with self._file.write() as sql:
            sql.execute("DELETE FROM jobs WHERE seen < ?", (self._cluster,))
            self.webhooks.settled(sql, self._cluster)
            self.letters.settled(sql, self._cluster)
            sql.execute("INSERT OR REPLACE INTO meta VALUES ('settled_cluster', ?)", (str(self._cluster),))
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

    def accept(self, requested: JobRequested) -> None:
        """Adds a request that the broker has acknowledged, so that it is readable before the feed delivers it."""
        with self._file.write() as sql:
            self._rows.requested(sql, requested, codec.encode(requested), self._cluster)
        self._recent.drop([str(requested.job.job_id)])

    def cancel(self, cancellation: CancelRequested) -> None:
        """Stores a cancellation that the broker has acknowledged, for a successor of that broker."""
        with self._file.write() as sql:
            sql.execute("UPDATE jobs SET cancelled = ? WHERE job_id = ?", (codec.encode(cancellation), str(cancellation.job_id)))

    def resend(self, deliveries: Iterable[WebhookDelivery]) -> None:
        """Stores what the broker has acknowledged is to be sent again, for a successor of that broker."""
        with self._file.write() as sql:
            self.webhooks.resend(sql, deliveries)

    def delete(self, job_id: UUID, work_id: str) -> None:
        """Shows the job no longer. Safe to repeat."""
        with self._file.write() as sql:
            self._rows.deleted(sql, str(job_id), work_id, datetime.now(UTC), self._cluster)
        self._recent.drop([str(job_id)])

    def forget(self, job_ids: Iterable[str]) -> None:
        """As the tombstones of these jobs."""
        forgotten = list(job_ids)
        with self._file.write() as sql:
            for job_id in forgotten:
                self._notes.forget(sql, job_id, self._cluster)
        self._recent.drop(forgotten)

    def purge(self, now: datetime) -> bool:
        """A step, once the view is up to date: see `Notes`. Whether there may be more. Safe to repeat."""
        with self._file.write() as sql:
            return self._notes.purge(sql, now)

    def release(self) -> bool:
        """Makes the file smaller by what was deleted, a few pages at a time. Whether there is more."""
        return self._file.release()

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
        if (job := self.jobs.get(job_id)) is not None:
            self._recent.keep(str(job_id), job, changes)
        return job

    def offsets(self) -> dict[Partition, int]:
        """The next offset to read, of each partition that was read."""
        rows = self._file.read("SELECT topic, partition, next FROM offsets")
        return {Partition(topic, number): offset for topic, number, offset in rows}

    def _apply_one(self, sql: sqlite3.Connection, record: Received) -> set[str]:
        event, raw = record.event, record.value or b""
        if isinstance(event, JobRequested):
            self._rows.requested(sql, event, raw, self._cluster)
            return {str(event.job.job_id)}
        if isinstance(event, JobChanged):
            self._rows.changed(sql, event, raw, self._cluster)
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
            self._rows.deleted(sql, str(event.job_id), event.work_id, event.requested_at, self._cluster)
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

    def _meta(self, name: str) -> str | None:
        rows = self._file.read("SELECT value FROM meta WHERE name = ?", name)
        return str(rows[0][0]) if rows else None
