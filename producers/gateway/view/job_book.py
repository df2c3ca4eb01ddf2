"""What the view says of jobs: one, a page of the list, counts and figures. Read by the gateway's handlers and by `murmur dev`.

`job_rows.py` writes the rows.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import UUID

from producers.gateway.view.database import Database
from producers.gateway.view.estimates import RECENT
from producers.gateway.view.job_filter import STATES, JobFilter, Place
from producers.gateway.view.job_view import JobView, KeyUse
from runtime.objects import keys
from schemas.jobs import CancelRequested, JobChanged, JobRequested, State

ALL = JobFilter()
LOOKED_AT = 20 * RECENT  # of the ended jobs: many may have been answered from the cache and say nothing of the speed
OLDEST = "SELECT submitted_s, job_id FROM jobs INDEXED BY {} WHERE {} state = ? AND deleted = 0 ORDER BY submitted_s LIMIT 1"
OLDEST_OF_ALL = OLDEST.format("jobs_listed", "")
OLDEST_OF_OWNER = OLDEST.format("jobs_of_owner", "owner = ? AND")
UPLOAD_SINCE = """
SELECT 1 FROM jobs WHERE job_id = ? AND audio IS NULL AND deleted = 0 AND coalesce(ended_s, submitted_s) > ?
UNION ALL SELECT * FROM (SELECT 1 FROM jobs WHERE audio = ? AND ended_s > ? AND deleted = 0 LIMIT 1)
UNION ALL SELECT * FROM (SELECT 1 FROM jobs WHERE audio = ? AND ended_s IS NULL AND submitted_s > ? AND deleted = 0 LIMIT 1)
LIMIT 1
"""
UNFINISHED: tuple[State, ...] = ("PENDING", "STARTED")


class JobBook:
    """Safe from any thread. Raises ViewUnavailable."""

    def __init__(self, file: Database) -> None:
        self._file = file

    def get(self, job_id: UUID) -> JobView | None:
        """Read again each time; `View.get()` keeps the recent ones."""
        rows = self._file.read("SELECT work_id, requested, changed FROM jobs WHERE job_id = ? AND deleted = 0", str(job_id))
        return self._view(*rows[0]) if rows else None

    def newest(self, limit: int, which: JobFilter = ALL, *, after: Place | None = None) -> list[JobView]:
        """The jobs submitted last, newest first; `after`: those that follow this place in the list."""
        query, values = which.query(limit, after)
        return [self._view(*row) for row in self._file.scan(query, *values)]

    def counts(self, owner: str | None = None) -> dict[str, int]:
        """How many jobs are in each state that occurs; of all owners unless one is given."""
        where, values = ("WHERE owner = ?", (owner,)) if owner is not None else ("", ())
        return dict(
            self._file.read(f"SELECT state, sum(jobs) FROM job_counts {where} GROUP BY state HAVING sum(jobs) > 0", *values)
        )

    def unfinished_of(self, owner: str) -> tuple[int, UUID | None]:
        """How many jobs of an owner have not ended, and the oldest of them."""
        counts = self.counts(owner)
        oldest = [row for state in UNFINISHED for row in self._file.read(OLDEST_OF_OWNER, owner, state)]
        return sum(counts.get(state, 0) for state in UNFINISHED), UUID(min(oldest)[1]) if oldest else None

    def oldest_submitted_at(self) -> datetime | None:
        """Of the jobs that are listed."""
        oldest = [row for state in STATES for row in self._file.read(OLDEST_OF_ALL, state)]
        return datetime.fromtimestamp(min(oldest)[0], UTC) if oldest else None

    def cache_uses(self, owner: str | None = None) -> tuple[int, int]:
        """How many of the succeeded jobs that were submitted after the last clearing of the cache needed no transcription, and
        how many did."""
        query = """SELECT cached, sum(jobs) FROM job_counts
            WHERE state = 'SUCCESS' AND since_clearing AND coalesce(? = owner, 1) GROUP BY cached"""
        counts = dict(self._file.read(query, owner))
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

    def has_audio(self, key: str, but: UUID) -> bool:
        """Whether any other job has this upload."""
        own = key.removeprefix(keys.UPLOADS)
        query = "SELECT 1 FROM jobs WHERE (audio = ? OR (job_id = ? AND audio IS NULL)) AND job_id <> ? AND deleted = 0 LIMIT 1"
        return bool(self._file.read(query, key, own, str(but)))

    def has_upload_since(self, key: str, since_s: float) -> bool:
        """Whether a job has this upload that has ended since, or has not ended and was submitted since."""
        own = key.removeprefix(keys.UPLOADS)
        return bool(self._file.read(UPLOAD_SINCE, own, since_s, key, since_s, key, since_s))

    def batch(self, batch_id: UUID, owner: str | None = None) -> list[JobView]:
        """The jobs of one owner, or of any, that were submitted together, in the order in which they were accepted."""
        query = """SELECT work_id, requested, changed FROM jobs
            WHERE batch_id = ? AND deleted = 0 AND coalesce(? = owner, 1) ORDER BY submitted_s, job_id"""
        return [self._view(*row) for row in self._file.read(query, str(batch_id), owner)]

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

    def records(self) -> Iterator[JobChanged]:
        """The last record of every job that has one, oldest first; of a deleted or forgotten drop the note that is kept of it."""
        for (changed,) in self._file.scan("SELECT changed FROM jobs WHERE changed IS NOT NULL ORDER BY submitted_s"):
            yield self._file.decoded(JobChanged, changed)

    def notes(self) -> Iterator[JobChanged]:
        """What is kept of deleted and forgotten drops."""
        for (changed,) in self._file.scan("SELECT changed FROM jobs WHERE changed IS NOT NULL AND deleted > 0"):
            yield self._file.decoded(JobChanged, changed)

    def ended_recently(self) -> Iterator[JobChanged]:
        """Those that succeeded last, oldest first."""
        query = "SELECT changed FROM jobs WHERE state = 'SUCCESS' AND deleted = 0 ORDER BY submitted_s DESC LIMIT ?"
        for (changed,) in reversed(self._file.read(query, LOOKED_AT)):
            yield self._file.decoded(JobChanged, changed)

    def succeeded(self) -> list[str]:
        """The ids of all of them, the newest first."""
        query = "SELECT job_id FROM jobs WHERE state = 'SUCCESS' AND deleted = 0 ORDER BY submitted_s DESC"
        return [job_id for (job_id,) in self._file.scan(query)]

    def succeeded_of(self, job_ids: Iterable[str]) -> list[JobView]:
        """Those of these jobs that have succeeded."""
        query = """SELECT work_id, requested, changed FROM jobs
            WHERE job_id IN (SELECT value FROM json_each(?)) AND state = 'SUCCESS' AND deleted = 0"""
        return [self._view(*row) for row in self._file.read(query, json.dumps(list(job_ids)))]

    def _view(self, work_id: str, requested: bytes | None, changed: bytes | None) -> JobView:
        if changed is not None:
            last = self._file.decoded(JobChanged, changed)
            facts = (last.model, last.cached, last.result, last.error, last.started_at, last.duration_s)
            return JobView(last.job, work_id, last.state, last.changed_at, *facts)
        first = self._file.decoded(JobRequested, requested)
        return JobView(first.job, work_id, "PENDING", first.job.submitted_at, first.work.model)
