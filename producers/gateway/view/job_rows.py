"""The rows of jobs in the view's file, written from `requests`, `jobs` and deletions. `job_book.py` reads them."""

import sqlite3
from datetime import datetime
from uuid import UUID

from producers.gateway.view.estimates import Estimates
from producers.gateway.view.job_view import groups, shown_name
from producers.gateway.view.layout import CHANGED, REQUESTED
from producers.gateway.view.notes import Notes
from producers.gateway.view.progress import ProgressBook
from runtime.objects import keys
from schemas.jobs import TERMINAL, Job, JobChanged, JobRequested
from schemas.record import ObjectRef


class JobRows:
    """Each method is a part of a write of the view. `cluster`: the number of the cluster whose record it is."""

    def __init__(self, notes: Notes, estimates: Estimates, progress: ProgressBook) -> None:
        self._notes = notes
        self._estimates = estimates
        self._progress = progress

    def requested(self, sql: sqlite3.Connection, event: JobRequested, raw: bytes, cluster: int) -> None:
        job = event.job
        row = (str(job.job_id), event.work.work_id, job.owner, job.submitted_at.timestamp(), cluster, raw)
        sql.execute(
            REQUESTED, (*row, *groups(job), event.work.model.name, shown_name(job).casefold(), _shared(event.work.audio, job))
        )
        (state,) = sql.execute("SELECT state FROM jobs WHERE job_id = ?", (str(job.job_id),)).fetchone()
        if state not in TERMINAL:  # its end may have been read before
            self._estimates.accepted(event)

    def changed(self, sql: sqlite3.Connection, event: JobChanged, raw: bytes, cluster: int) -> None:
        job = event.job
        known = sql.execute("SELECT state, told, deleted FROM jobs WHERE job_id = ?", (str(job.job_id),)).fetchone()
        if known and known[2]:
            note = self._notes.of(raw)
            sql.execute("UPDATE jobs SET seen = ?, changed = ? WHERE job_id = ?", (cluster, note, str(job.job_id)))
            return
        if known and known[0] in TERMINAL and not (event.state in TERMINAL and known[1] < cluster):
            sql.execute("UPDATE jobs SET seen = ? WHERE job_id = ?", (cluster, str(job.job_id)))
            return  # ended: only another cluster may have another end
        row = (str(job.job_id), event.work_id, event.state, job.owner, job.submitted_at.timestamp(), cluster, cluster, raw)
        audio = _shared(job.dropped or job.stored or ObjectRef(bucket="", key=keys.own_upload_key(job)), job)
        ended_s = event.changed_at.timestamp() if event.state in TERMINAL else None
        sql.execute(CHANGED, (*row, *groups(job), event.model.name, shown_name(job).casefold(), event.cached, audio, ended_s))
        if event.state in TERMINAL:
            self._estimates.ended(event)
        if event.state in ("SUCCESS", "FAILURE"):  # a revoked job's work may continue for other jobs
            self._progress.ended(event.work_id, event.changed_at.timestamp())

    def deleted(self, sql: sqlite3.Connection, job_id: str, work_id: str, at: datetime, cluster: int) -> None:
        self._estimates.deleted(UUID(job_id))
        self._notes.delete(sql, job_id, work_id, cluster, at)


def _shared(audio: ObjectRef, job: Job) -> str | None:
    """An upload that does not have the id of this job, and is deleted with the last job that has it."""
    is_upload = keys.is_upload(audio.key) or keys.is_direct_upload(audio.key)
    return audio.key if is_upload and audio.key != keys.upload_key(job.job_id) else None
