"""What becomes of a request: an answer from the cache, a job of a work in progress, or a new run. Pure; used by `decide`."""

from dataclasses import replace

from processors.coordinator import correction, job_states, reports, run_records
from processors.coordinator.context import Context
from processors.coordinator.correction import Corrected
from processors.coordinator.draft import Draft
from processors.coordinator.entries import JobState, WorkState
from schemas.jobs import JobRequested
from schemas.record import Failure
from schemas.transcript import Transcript


def requested(draft: Draft, event: JobRequested, context: Context) -> None:
    job_id, work = str(event.job.job_id), event.work
    known = draft.job(job_id)
    if known is not None:
        _known(draft, known, event, context)
    elif context.finished is not None:
        _answer(draft, event, context.finished, context)
    elif event.refused is not None:
        _refused(draft, event, event.refused, context, cached=False)
    elif (state := draft.work(work.work_id)) is not None and _may_join(state, event):
        draft.set_job(job_id, job_states.waiting(event, started=state.started_at is not None))
        if state.started_at is not None:
            draft.outputs.append(job_states.changed(event.job, state, "STARTED", context))
    elif state is None and context.failure is not None:
        _refused(draft, event, context.failure, context, cached=True)
    else:
        _begin(draft, event, state, context)


def _refused(draft: Draft, event: JobRequested, failure: Failure, context: Context, *, cached: bool) -> None:
    """Fails a job that has no work."""
    job_id, work = str(event.job.job_id), event.work
    draft.set_job(job_id, job_states.ended(work.work_id, "FAILURE", context.now))
    draft.outputs.append(reports.changed(event.job, work, "FAILURE", context.now, error=failure, cached=cached))


def _may_join(state: WorkState, event: JobRequested) -> bool:
    """A work whose text is being corrected has its transcript already: here that must not, or cannot, be the answer."""
    return state.correction is None and (state.no_cache or not event.no_cache)


def _answer(draft: Draft, event: JobRequested, finished: Transcript, context: Context) -> None:
    """From the cache. If its text is to be corrected, the corrector finds what it has made of the transcript before, or corrects
    it by its present rules; jobs that are already waiting for that are joined."""
    job, work = event.job, event.work
    job_id = str(job.job_id)
    if not correction.to_correct({job_id: job}, finished, context.correction_s):
        job_states.succeed(draft, {job_id: job}, finished, work, context)
        return
    state = draft.work(work.work_id)
    draft.set_job(job_id, job_states.waiting(event, started=state is not None and state.started_at is not None))
    if state is None or state.correction is not None:  # else the end of the run in progress will have its text corrected
        state = state or WorkState(work=work, run=context.new_run, starter="", lane=job.lane, trace=job.trace)
        draft.set_work(correction.request(draft, state, [job], finished, context))


def _begin(draft: Draft, event: JobRequested, earlier: WorkState | None, context: Context) -> None:
    """A new run. One in progress that the request must not join ends: its jobs wait for the new one, whose transcript replaces
    that of the earlier. A second request of the kind joins this run, so that requests without end do not keep it from ending."""
    job, job_id = event.job, str(event.job.job_id)
    run = {"run": context.new_run, "starter": job_id, "lane": job.lane, "no_cache": event.no_cache, "trace": job.trace}
    state = WorkState.model_validate({"work": event.work, **run})
    if earlier is not None:
        draft.outputs.append(run_records.revocation(earlier))
        draft.restart_work(state)
    else:
        draft.set_work(state)
    draft.set_job(job_id, job_states.waiting(event, started=False))
    draft.outputs.append(run_records.decode(state))


def _known(draft: Draft, known: JobState, event: JobRequested, context: Context) -> None:
    """The same job again: a repeat, or a request that arrives after its cancellation."""
    job, work = event.job, event.work
    if known.unannounced:
        draft.set_job(str(job.job_id), replace(known, unannounced=False))
        draft.outputs.append(reports.changed(job, work, "REVOKED", context.now))
    elif known.state == "SUCCESS" and event.rewrite and context.finished is not None:
        # The result files of this drop were deleted: the store sink writes them again.
        end = Corrected(event.result if context.finished.correction is not None else None)
        result = reports.summary(job, context.finished, job_states.transcript_ref(context, work.work_id), end)
        draft.outputs.append(reports.completed(job, context.finished, result, context.now, cached=True))
