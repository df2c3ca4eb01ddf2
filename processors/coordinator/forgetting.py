"""What is written when a job is forgotten: tombstones, so that `jobs` and `revocations` do not grow without limit; and how large
the record is that such a tombstone replaces. Pure.

The coordinator is their only writer, in the transaction that deletes the job from its table: so no tombstone overtakes a record
of the job, and a repeat of the request after it is a new job, as it is for the table.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from processors.coordinator.entries import Change, JobState
from processors.coordinator.tables import Tables
from runtime.kafka.messages import Output
from runtime.retention import job_bytes
from schemas.jobs import TERMINAL, JobChanged
from schemas.topics import JOBS, REVOCATIONS


def gone(job_id: str) -> Output:
    """The tombstone of a job."""
    return Output(JOBS, job_id, None)


def tombstones(tables: Tables, changes: Iterable[Change]) -> Iterator[Output]:
    """For changes that are not applied yet. Whether a run of the job's work was revoked is not known, so that gets one, too, if
    the work is not in progress: otherwise a job of it is forgotten later."""
    for change in changes:
        if change.table != "jobs" or change.value is not None or (job := tables.jobs.get(change.key)) is None:
            continue
        yield gone(change.key)
        if job.work_id not in tables.works:
            yield Output(REVOCATIONS, job.work_id, None)


def sized(changes: Iterable[Change], outputs: Iterable[Output]) -> list[Change]:
    """With the sizes of the records on `jobs` of those that end."""
    events = (output.value for output in outputs)
    sizes = {event.subject: job_bytes(event) for event in events if isinstance(event, JobChanged) and event.state in TERMINAL}
    return [_sized(change, sizes.get(change.key, 0)) for change in changes]


def _sized(change: Change, record_bytes: int) -> Change:
    is_ended = isinstance(change.value, JobState) and change.value.ended_at is not None
    return Change(change.table, change.key, replace(change.value, record_bytes=record_bytes)) if is_ended else change
