"""What is written when a job is forgotten: tombstones, so that `jobs` and `revocations` do not grow without limit. Pure.

The coordinator is their only writer, in the transaction that deletes the job from its table: so no tombstone overtakes a record
of the job, and a repeat of the request after it is a new job, as it is for the table.
"""

from collections.abc import Iterable, Iterator

from processors.coordinator.entries import Change
from processors.coordinator.tables import Tables
from runtime.kafka.messages import Output
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
