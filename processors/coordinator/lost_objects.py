"""Runs whose object, or whose chunk audio, is gone or is not what it was. Pure; used by `decide`."""

from processors.coordinator import job_states, run_records
from processors.coordinator.context import Context
from processors.coordinator.draft import Draft
from processors.coordinator.entries import WorkState
from runtime.objects import keys
from schemas.jobs import Job, Work
from schemas.record import Failure, ObjectRef

DECODES_MAX = 2  # the first, and one more when chunk audio is missing
OF_ONE_OBJECT = frozenset({"audio_gone", "content_changed"})  # failures of the object that was read, not of its content


def chunk_lost(draft: Draft, state: WorkState, context: Context) -> None:
    """Chunk audio was deleted by age: one new decode writes it again. Existing results are kept."""
    if state.decodes >= DECODES_MAX:
        failure = Failure(reason="audio_gone", message="the audio of a chunk disappeared from the store, twice")
        job_states.fail(draft, state, failure, context)
        return
    state = state.model_copy(update={"decodes": state.decodes + 1})
    draft.set_work(state)
    draft.outputs.append(run_records.decode(state))


def object_failed(draft: Draft, state: WorkState, failure: Failure, context: Context) -> None:
    """Fails the jobs that were made for this object. Other jobs have objects with the same content: a new run reads one of
    those. Results of chunks so far may be of the wrong content, and are discarded."""
    waiting = draft.waiting(state.work.work_id)
    objects = {job_id: _own_object(job, state.work, context) for job_id, job in waiting.items()}
    others = {job_id: ref for job_id, ref in objects.items() if not _is_same(ref, state.work.audio)}
    if not others:
        job_states.fail(draft, state, failure, context)
        return
    for job_id in waiting.keys() - others.keys():
        draft.set_job(job_id, job_states.ended(state.work.work_id, "FAILURE", context.now))
        draft.outputs.append(job_states.changed(waiting[job_id], state, "FAILURE", context, error=failure))
    draft.outputs.append(run_records.revocation(state))
    starter, ref = next(iter(others.items()))
    work = state.work.model_copy(update={"audio": ref})
    kept = {"lane": state.lane, "started_at": state.started_at, "no_cache": state.no_cache}
    run = {"run": context.new_run, "starter": starter, "trace": waiting[starter].trace}
    state = WorkState.model_validate({"work": work, **run, **kept})
    draft.restart_work(state)
    draft.outputs.append(run_records.decode(state))


def _own_object(job: Job, work: Work, context: Context) -> ObjectRef:
    """The object that this job was made for. The work may be reading another one with the same content. The retry of an upload
    has none of its own, and fails with the work's."""
    if job.retry_of is not None and job.dropped is None:
        return work.audio
    return job.dropped or job.stored or ObjectRef(bucket=context.work_bucket, key=keys.upload_key(job.job_id))


def _is_same(one: ObjectRef, other: ObjectRef) -> bool:
    """The same version of the same object, as far as that is known."""
    pairs = ((one.version_id, other.version_id), (one.etag, other.etag))
    return (one.bucket, one.key) == (other.bucket, other.key) and all(a == b for a, b in pairs if a and b)
