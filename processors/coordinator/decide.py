"""What happens next. Pure: tables and one event in; changes, outputs and perhaps a finished transcript out.

Called by the coordinator's loop, and safe to call again with the same event: nothing changes until the caller applies the
decision.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from processors.coordinator import assembly, correction, forgetting, reports, run_records
from processors.coordinator.cache_policy import NO_LIMITS, CachePolicy
from processors.coordinator.correction import Corrected
from processors.coordinator.draft import Draft
from processors.coordinator.entries import Change, ChunkState, JobState, WorkState
from processors.coordinator.tables import Tables
from runtime.kafka.messages import Output
from runtime.objects import keys
from schemas.cache import CLEARED, CacheCleared, CacheEntry
from schemas.jobs import CancelRequested, Job, JobRequested, State, Work
from schemas.record import Failure, ObjectRef
from schemas.transcript import Transcript
from schemas.work import (
    ChunkLost,
    ChunkTranscribed,
    SliceClosed,
    SliceOpened,
    WorkCorrected,
    WorkEvent,
    WorkFailed,
    WorkReported,
)

Event = JobRequested | CancelRequested | CacheCleared | WorkReported
DECODES_MAX = 2  # the first, and one more when chunk audio is missing
# Of the closing record, kept in the state.
CLOSING = ("audio_info", "chunks", "decode_s", "vad_s", "decoder_peak_memory_bytes", "audio_run")
OF_ONE_OBJECT = frozenset({"audio_gone", "content_changed"})  # failures of the object that was read, not of its content


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision depends on besides tables and event. `new_run`: the id of a run that begins with this event, made of its
    partition and offset. `finished`: the transcript that answers a request, or that a report of the corrector names. `failure`:
    the one that answers it. `correction_s`: how long a text may take to be corrected; None: none is."""

    new_run: str
    now: datetime
    work_bucket: str
    finished: Transcript | None = None
    correction_s: float | None = None
    failure: Failure | None = None
    policy: CachePolicy = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Decision:
    """`transcript` must be stored before the rest takes effect."""

    changes: tuple[Change, ...]
    outputs: tuple[Output, ...]
    transcript: Transcript | None


def decide(tables: Tables, event: Event, context: Context) -> Decision:
    draft = Draft(tables)
    if isinstance(event, JobRequested):
        _requested(draft, event, context)
    elif isinstance(event, CancelRequested):
        _cancelled(draft, event, context)
    elif isinstance(event, CacheCleared):
        _cleared(draft, event)
    else:
        _reported(draft, event, context)
    return Decision(draft.changes(), tuple(draft.outputs), draft.transcript)


def _requested(draft: Draft, event: JobRequested, context: Context) -> None:
    job_id, work = str(event.job.job_id), event.work
    known = draft.job(job_id)
    if known is not None:
        _known(draft, known, event, context)
    elif context.finished is not None:
        _answer(draft, event, context.finished, context)
    elif event.refused is not None:
        _refused(draft, event, event.refused, context, cached=False)
    elif (state := draft.work(work.work_id)) is not None and _may_join(state, event):
        draft.set_job(job_id, _waiting(event, started=state.started_at is not None))
        if state.started_at is not None:
            draft.outputs.append(_changed(event.job, state, "STARTED", context))
    elif state is None and context.failure is not None:
        _refused(draft, event, context.failure, context, cached=True)
    else:
        _begin(draft, event, state, context)


def _refused(draft: Draft, event: JobRequested, failure: Failure, context: Context, *, cached: bool) -> None:
    """Fails a job that has no work."""
    job_id, work = str(event.job.job_id), event.work
    draft.set_job(job_id, _ended(work.work_id, "FAILURE", context.now))
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
        _succeed(draft, {job_id: job}, finished, work, context)
        return
    state = draft.work(work.work_id)
    draft.set_job(job_id, _waiting(event, started=state is not None and state.started_at is not None))
    if state is None or state.correction is not None:  # else the end of the run in progress will have its text corrected
        state = state or WorkState(work=work, run=context.new_run, starter="", lane=job.lane, trace=job.trace)
        draft.set_work(_correcting(draft, state, [job], finished, context))


def _correcting(draft: Draft, state: WorkState, jobs: Iterable[Job], transcript: Transcript, context: Context) -> WorkState:
    assert context.correction_s is not None
    return correction.request(draft, state, jobs, transcript, correction.until(context.now, context.correction_s))


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
    draft.set_job(job_id, _waiting(event, started=False))
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
        result = reports.summary(job, context.finished, _transcript_ref(context, work.work_id), end)
        draft.outputs.append(reports.completed(job, context.finished, result, context.now, cached=True))


def _waiting(event: JobRequested, *, started: bool) -> JobState:
    return JobState(work_id=event.work.work_id, state="STARTED" if started else "PENDING", job=event.job)


def _cancelled(draft: Draft, event: CancelRequested, context: Context) -> None:
    job_id = str(event.job_id)
    known = draft.job(job_id)
    if event.delete:
        if known is not None and known.ended_at is not None:  # it stays in the table, so that it does not run again
            draft.outputs.append(forgetting.gone(job_id))
        return
    if known is None:
        draft.set_job(job_id, replace(_ended(event.work_id, "REVOKED", context.now), unannounced=True))
        return
    if known.job is None:
        return  # it has ended already
    state = draft.work(known.work_id)
    assert state is not None  # since a job waits for it
    draft.set_job(job_id, _ended(known.work_id, "REVOKED", context.now))
    draft.outputs.append(_changed(known.job, state, "REVOKED", context))
    if not draft.waiting(known.work_id):
        draft.outputs.append(run_records.revocation(state))
        draft.delete_work(known.work_id)


def _cleared(draft: Draft, event: CacheCleared) -> None:
    """Of all works: entries go a few at a time, and until then they are no answer."""
    cache = draft.cache
    if event.work_id is None:
        if cache.cleared_at is None or cache.cleared_at < event.at:
            draft.set_cached(CLEARED, CacheEntry(event.at))
    elif (entry := cache.get(event.work_id)) is not None and entry.finished_at <= event.at:
        draft.set_cached(event.work_id, None)


def _ended(work_id: str, state: State, now: datetime) -> JobState:
    return JobState(work_id=work_id, state=state, ended_at=now)


def _reported(draft: Draft, report: WorkReported, context: Context) -> None:
    state = draft.work(report.work_id)
    if state is None or state.run != report.run:
        return  # of a run that has ended
    if isinstance(report.event, WorkCorrected):
        _corrected(draft, state, report.event, context)
    elif state.correction is None:  # else a repeat: its transcript is finished
        _transcription_reported(draft, state, report.event, context)


def _transcription_reported(draft: Draft, state: WorkState, event: WorkEvent, context: Context) -> None:
    match event:
        case SliceOpened() as opened:
            if state.chunks is None and state.audio_info != opened.audio_info:  # else a repeat
                known = {"audio_info": opened.audio_info, "chosen_lane": opened.lane}
                _started(draft, state.model_copy(update=known), context)
        case SliceClosed() as closed:
            closing = {name: getattr(closed, name) for name in CLOSING}
            state = state.model_copy(update={**closing, "chosen_lane": closed.lane or state.chosen_lane})
            _go_on(draft, _started(draft, state, context), context)
        case ChunkTranscribed() as result:
            _transcribed(draft, state, result, context)
        case ChunkLost():
            _lost(draft, state, context)
        case WorkFailed() as failed if failed.failure.reason in OF_ONE_OBJECT:
            _object_failed(draft, state, failed.failure, context)
        case WorkFailed() as failed:
            _failed(draft, state, failed.failure, context)


def _started(draft: Draft, state: WorkState, context: Context) -> WorkState:
    """Sets the new state of the work and returns it; the first report of a run also starts its jobs."""
    work_id = state.work.work_id
    if state.started_at is None:
        state = state.model_copy(update={"started_at": context.now})
        for job_id, job in draft.waiting(work_id).items():
            draft.set_job(job_id, JobState(work_id=work_id, state="STARTED", job=job))
            draft.outputs.append(_changed(job, state, "STARTED", context))
    draft.set_work(state)
    return state


def _transcribed(draft: Draft, state: WorkState, result: ChunkTranscribed, context: Context) -> None:
    work_id = state.work.work_id
    if state.started_at is None:
        state = _started(draft, state, context)
    known = draft.chunks(work_id).get(result.span)
    if known is None or (known.is_awaited and result.attempt > 0):
        draft.set_chunk(work_id, ChunkState(result=result, again=known is not None))
        share = draft.tally(work_id).share(state)
        draft.outputs.append(run_records.progress(state, result, share))
        _go_on(draft, state, context)
    elif known.is_awaited:  # its audio was missing and has been written again: it can be requested once more
        draft.set_chunk(work_id, known.model_copy(update={"again": False}))
        _go_on(draft, state, context)


def _go_on(draft: Draft, state: WorkState, context: Context) -> None:
    """After every change of a work: completes it, or requests second transcriptions, if all chunks have results."""
    work_id = state.work.work_id
    if not draft.tally(work_id).is_complete:
        return
    chunks = draft.chunks(work_id)
    if doubtful := assembly.doubtful(state, chunks):
        for chunk, language in doubtful:
            draft.set_chunk(work_id, chunks[chunk.span].model_copy(update={"again": True}))
            first = chunks[chunk.span].result
            draft.outputs.append(run_records.second_transcription(state, chunk, language, first, context.work_bucket))
        return
    waiting = draft.waiting(work_id)
    draft.transcript = assembly.assemble(state, chunks, waiting, context.now)
    if context.policy.enabled:
        entry = CacheEntry(context.now, duration_s=draft.transcript.duration_s, language=draft.transcript.language)
        draft.set_cached(work_id, entry)
    correcting = correction.to_correct(waiting, draft.transcript, context.correction_s)
    raw = {job_id: job for job_id, job in waiting.items() if job_id not in correcting}
    _succeed(draft, raw, draft.transcript, state, context)
    if correcting:  # the chunks are in the transcript
        draft.restart_work(_correcting(draft, state, correcting.values(), draft.transcript, context))
    else:
        draft.delete_work(work_id)


def _lost(draft: Draft, state: WorkState, context: Context) -> None:
    """Chunk audio was deleted by age: one new decode writes it again. Existing results are kept."""
    if state.decodes >= DECODES_MAX:
        failure = Failure(reason="audio_gone", message="the audio of a chunk disappeared from the store, twice")
        _failed(draft, state, failure, context)
        return
    state = state.model_copy(update={"decodes": state.decodes + 1})
    draft.set_work(state)
    draft.outputs.append(run_records.decode(state))


def _object_failed(draft: Draft, state: WorkState, failure: Failure, context: Context) -> None:
    """Fails the jobs that were made for this object. Other jobs have objects with the same content: a new run reads one of
    those. Results of chunks so far may be of the wrong content, and are discarded."""
    waiting = draft.waiting(state.work.work_id)
    objects = {job_id: _own_object(job, state.work, context) for job_id, job in waiting.items()}
    others = {job_id: ref for job_id, ref in objects.items() if not _is_same(ref, state.work.audio)}
    if not others:
        _failed(draft, state, failure, context)
        return
    for job_id in waiting.keys() - others.keys():
        draft.set_job(job_id, _ended(state.work.work_id, "FAILURE", context.now))
        draft.outputs.append(_changed(waiting[job_id], state, "FAILURE", context, error=failure))
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


def _corrected(draft: Draft, state: WorkState, report: WorkCorrected, context: Context) -> None:
    """Ends the jobs of this owner; with those of the last one the work ends, too."""
    if state.correction is None:
        return  # a repeat
    if context.finished is None:
        _transcribe_again(draft, state, context)
        return
    work_id = state.work.work_id
    waiting = draft.waiting(work_id)
    ended = {job_id: job for job_id, job in waiting.items() if report.owner in (None, job.owner)}
    end = Corrected.by(report, context.finished)
    _succeed(draft, ended, context.finished.with_warning(end.uncorrected), state, context, end)
    if len(ended) == len(waiting):
        draft.delete_work(work_id)


def _transcribe_again(draft: Draft, state: WorkState, context: Context) -> None:
    """The transcript is no longer in the store."""
    again = {"run": context.new_run, "correction": None, "chunks": None, "decodes": 1}
    state = state.model_copy(update=again)
    draft.restart_work(state)
    draft.outputs.append(run_records.decode(state))


def _failed(draft: Draft, state: WorkState, failure: Failure, context: Context) -> None:
    work_id = state.work.work_id
    for job_id, job in draft.waiting(work_id).items():
        draft.set_job(job_id, _ended(work_id, "FAILURE", context.now))
        draft.outputs.append(_changed(job, state, "FAILURE", context, error=failure))
    draft.outputs.append(run_records.revocation(state))  # its chunks that still wait need not be transcribed
    draft.delete_work(work_id)
    if context.policy.keeps(failure.reason) and work_id not in draft.cache:  # an earlier transcript stays
        draft.set_cached(work_id, CacheEntry(context.now, failure=failure))


def _succeed(  # noqa: PLR0913 - the last one has a default
    draft: Draft,
    jobs: Mapping[str, Job],
    transcript: Transcript,
    origin: WorkState | Work,
    context: Context,
    end: Corrected = reports.NOT_CORRECTED,
) -> None:
    """`origin`: the work that just ended, or the Work of a request that is answered from the cache. `end`: of its correction."""
    state, work = (origin, origin.work) if isinstance(origin, WorkState) else (None, origin)
    ref = _transcript_ref(context, transcript.work_id)
    for job_id, job in jobs.items():
        cached = state is None or state.starter != job_id
        result = reports.summary(job, transcript, ref, end)
        started_at = _started_at(job, state.started_at if state is not None else context.now)
        facts = {"cached": cached, "result": result, "started_at": started_at, "duration_s": transcript.duration_s}
        facts["lane"] = state.chosen_lane if state is not None else None
        draft.set_job(job_id, _ended(transcript.work_id, "SUCCESS", context.now))
        draft.outputs.append(reports.changed(job, work, "SUCCESS", context.now, **facts))
        draft.outputs.append(reports.completed(job, transcript, result, context.now, cached=cached))


def _changed(job: Job, origin: WorkState, state: State, context: Context, error: Failure | None = None) -> Output:
    known = {"duration_s": origin.duration_s, "lane": origin.chosen_lane, "error": error}
    return reports.changed(job, origin.work, state, context.now, started_at=_started_at(job, origin.started_at), **known)


def _started_at(job: Job, work_started_at: datetime | None) -> datetime | None:
    """The work may have started before this job was submitted, and the clocks of two machines differ."""
    return max(work_started_at, job.submitted_at) if work_started_at is not None else None


def _transcript_ref(context: Context, work_id: str) -> ObjectRef:
    return ObjectRef(bucket=context.work_bucket, key=keys.transcript_key(work_id))
