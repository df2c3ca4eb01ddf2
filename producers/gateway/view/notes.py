"""How jobs leave the view: deleted by their owner, or forgotten by the coordinator. What stays is a note, and that for a while.

Used by the view, with its connection. A deletion may be read before the job, so its note outlives the job's records.
"""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID

from producers.gateway.view.layout import DELETED
from schemas import codec
from schemas.jobs import Job, JobChanged
from schemas.topics import REQUESTS

PURGED_MAX = 500  # in one step: some milliseconds, for which submissions wait
OLD = "SELECT rowid FROM jobs INDEXED BY jobs_noted WHERE deleted > 0 AND deleted < ? AND changed IS NULL LIMIT ?"
LOST = """SELECT rowid FROM jobs INDEXED BY jobs_listed
    WHERE state = 'PENDING' AND deleted = 0 AND submitted_s < ? AND changed IS NULL LIMIT ?"""


class Notes:
    """`embedded`: no topic outlives the process, so the notes of drops say enough not to process their files again, and stay as
    long as the files. `kept_s`: other notes; None: no limit. `decode`: the record of a row."""

    def __init__(self, decode: Callable[[bytes], JobChanged], *, embedded: bool, kept_s: float | None) -> None:
        self._decode = decode
        self._embedded = embedded
        self._kept_s = kept_s

    def delete(self, sql: sqlite3.Connection, job_id: str, work_id: str, cluster: int, at: datetime) -> None:
        """Safe to repeat; the first time counts."""
        row = sql.execute("SELECT changed FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        note = self.of(row[0]) if row is not None else None
        sql.execute(DELETED, (job_id, work_id, cluster, int(at.timestamp()), note))

    def forget(self, sql: sqlite3.Connection, job_id: str, cluster: int) -> None:
        """A job that was deleted has none but its note."""
        query = "SELECT work_id, changed FROM jobs WHERE job_id = ? AND deleted = 0"
        for work_id, changed in sql.execute(query, (job_id,)).fetchall():
            if self.of(changed) is not None:
                self.delete(sql, job_id, work_id, cluster, datetime.now(UTC))
            else:
                sql.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))

    def purge(self, sql: sqlite3.Connection, now: datetime) -> bool:
        """Removes a few old notes; of a cluster also jobs whose requests are no longer on their topic and that have no state:
        they were forgotten before this view was filled. Whether there may be more."""
        if self._kept_s is None:
            return False
        before_s = now.timestamp() - self._kept_s
        steps = [(OLD, before_s)]
        if not self._embedded:
            steps.append((LOST, min(before_s, now.timestamp() - REQUESTS.retention_ms / 1000)))
        removals = [sql.execute(f"DELETE FROM jobs WHERE rowid IN ({which})", (until_s, PURGED_MAX)) for which, until_s in steps]
        return any(removed.rowcount == PURGED_MAX for removed in removals)

    def remove(self, sql: sqlite3.Connection, job_ids: Iterable[UUID]) -> None:
        sql.executemany("DELETE FROM jobs WHERE job_id = ? AND deleted > 0", [(str(job_id),) for job_id in job_ids])

    def of(self, changed: bytes | None) -> bytes | None:
        """What is kept of this record: which version of which object was dropped, and how its job ended."""
        if not self._embedded or changed is None or (last := self._decode(changed)).job.dropped is None:
            return None
        of = last.job
        job = Job(job_id=of.job_id, source="drop", filename="", dropped=of.dropped, submitted_at=of.submitted_at)
        kept = {"audio_id": last.audio_id, "model": last.model, "state": last.state, "changed_at": last.changed_at}
        return codec.encode(JobChanged.model_validate({"job": job, "work_id": last.work_id, **kept}))
