"""How the jobs of a work start and end: their entries in the table, with the records that say so. Pure; used by `decide`."""

from collections.abc import Mapping
from datetime import datetime

from processors.coordinator import reports, run_records
from processors.coordinator.context import Context
from processors.coordinator.correction import Corrected
from processors.coordinator.draft import Draft
from processors.coordinator.entries import JobState, WorkState
from runtime.kafka.messages import Output
from runtime.objects import keys
from schemas.cache import CacheEntry
from schemas.jobs import Job, JobRequested, State, Work
from schemas.record import Failure, ObjectRef
from schemas.transcript import Transcript


def waiting(event: JobRequested, *, started: bool) -> JobState:
    return JobState(work_id=event.work.work_id, state="STARTED" if started else "PENDING", job=event.job)


def ended(work_id: str, state: State, now: datetime) -> JobState:
    return JobState(work_id=work_id, state=state, ended_at=now)


def fail(draft: Draft, state: WorkState, failure: Failure, context: Context) -> None:
    work_id = state.work.work_id
    for job_id, job in draft.waiting(work_id).items():
        draft.set_job(job_id, ended(work_id, "FAILURE", context.now))
        draft.outputs.append(changed(job, state, "FAILURE", context, error=failure))
    draft.outputs.append(run_records.revocation(state))  # its chunks that still wait need not be transcribed
    draft.delete_work(work_id)
    if context.policy.keeps(failure.reason) and work_id not in draft.cache:  # an earlier transcript stays
        draft.set_cached(work_id, CacheEntry(context.now, failure=failure))


def succeed(  # noqa: PLR0913 - the last one has a default
    draft: Draft,
    jobs: Mapping[str, Job],
    transcript: Transcript,
    origin: WorkState | Work,
    context: Context,
    end: Corrected = reports.NOT_CORRECTED,
) -> None:
    """`origin`: the work that just ended, or the Work of a request that is answered from the cache. `end`: of its correction."""
    state, work = (origin, origin.work) if isinstance(origin, WorkState) else (None, origin)
    ref = transcript_ref(context, transcript.work_id)
    for job_id, job in jobs.items():
        cached = state is None or state.starter != job_id
        result = reports.summary(job, transcript, ref, end)
        started_at = _started_at(job, state.started_at if state is not None else context.now)
        facts = {"cached": cached, "result": result, "started_at": started_at, "duration_s": transcript.duration_s}
        facts["lane"] = state.chosen_lane if state is not None else None
        draft.set_job(job_id, ended(transcript.work_id, "SUCCESS", context.now))
        draft.outputs.append(reports.changed(job, work, "SUCCESS", context.now, **facts))
        draft.outputs.append(reports.completed(job, transcript, result, context.now, cached=cached))


def changed(job: Job, origin: WorkState, state: State, context: Context, error: Failure | None = None) -> Output:
    known = {"duration_s": origin.duration_s, "lane": origin.chosen_lane, "error": error}
    return reports.changed(job, origin.work, state, context.now, started_at=_started_at(job, origin.started_at), **known)


def _started_at(job: Job, work_started_at: datetime | None) -> datetime | None:
    """The work may have started before this job was submitted, and the clocks of two machines differ."""
    return max(work_started_at, job.submitted_at) if work_started_at is not None else None


def transcript_ref(context: Context, work_id: str) -> ObjectRef:
    return ObjectRef(bucket=context.work_bucket, key=keys.transcript_key(work_id))
