"""What happens next. Pure: tables and one event in; changes, outputs and perhaps a finished transcript out.

Called by the coordinator's loop, and safe to call again with the same event: nothing is done until the caller applies it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from processors.coordinator import assembly, reports
from processors.coordinator.tables import CacheEntry, Change, ChunkState, JobState, Tables, WorkState, chunk_table_key
from runtime.kafka.messages import Output
from runtime.objects import keys
from schemas.jobs import CancelRequested, Job, JobRequested, State, Work
from schemas.record import Failure, ObjectRef
from schemas.topics import CHUNKS_BULK, CHUNKS_INTERACTIVE, DECODES, PROGRESS, REVOCATIONS
from schemas.transcript import Transcript
from schemas.work import (
    ChunkLost,
    ChunkReady,
    ChunkTranscribed,
    DecodeRequested,
    RunRevoked,
    SliceClosed,
    SlicedChunk,
    SliceOpened,
    WorkFailed,
    WorkProgressed,
    WorkReported,
)

Event = JobRequested | CancelRequested | WorkReported
DECODES_MAX = 2  # the first, and one more when chunk audio has gone


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision depends on besides tables and event. `place`: partition-offset of the event, names a new run."""

    place: str
    now: datetime
    work_bucket: str
    finished: Transcript | None = None


@dataclass(slots=True)
class Decision:
    """`transcript` must be in the store before anything else of this takes effect."""

    changes: list[Change] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    transcript: Transcript | None = None


def decide(tables: Tables, event: Event, context: Context) -> Decision:
    if isinstance(event, JobRequested):
        return _requested(tables, event, context)
    if isinstance(event, CancelRequested):
        return _cancelled(tables, event, context)
    return _reported(tables, event, context)


def _requested(tables: Tables, event: JobRequested, context: Context) -> Decision:
    decision = Decision()
    job_id, work = str(event.job.job_id), event.work
    known = tables.jobs.get(job_id)
    if known is not None:
        _known(decision, known, event, context)
    elif context.finished is not None:
        _succeed(decision, [(job_id, event.job)], context.finished, work, context)
    elif (state := tables.works.get(work.work_id)) is not None:
        decision.changes.append(Change("jobs", job_id, _waiting(event, started=state.started_at is not None)))
        if state.started_at is not None:
            decision.outputs.append(_changed(event.job, state, "STARTED", context))
    else:
        state = WorkState(work=work, run=context.place, starter=job_id, lane=event.job.lane)
        decision.changes.append(Change("works", work.work_id, state))
        decision.changes.append(Change("jobs", job_id, _waiting(event, started=False)))
        decision.outputs.append(_decode(state))
    return decision


def _known(decision: Decision, known: JobState, event: JobRequested, context: Context) -> None:
    """The same job again: a repeat, or the request that its cancel overtook."""
    job, work = event.job, event.work
    if known.unannounced:
        announced = replace(known, unannounced=False)
        decision.changes.append(Change("jobs", str(job.job_id), announced))
        decision.outputs.append(reports.changed(job, work, "REVOKED", context.now))
    elif known.state == "SUCCESS" and event.rewrite and context.finished is not None:
        # Somebody deleted the result files of this drop: the store sink writes them once more.
        result = reports.summary(job, context.finished, _transcript_ref(context, work.work_id))
        decision.outputs.append(reports.completed(job, context.finished, result, context.now, cached=True))


def _waiting(event: JobRequested, *, started: bool) -> JobState:
    return JobState(work_id=event.work.work_id, state="STARTED" if started else "PENDING", job=event.job)


def _decode(state: WorkState) -> Output:
    request = DecodeRequested(work=state.work, run=state.run, lane=state.lane, attempt=state.decodes - 1)
    return Output(DECODES, state.work.work_id, request)


def _cancelled(tables: Tables, event: CancelRequested, context: Context) -> Decision:
    decision = Decision()
    job_id = str(event.job_id)
    known = tables.jobs.get(job_id)
    if known is None:
        overtook = replace(_ended(event.work_id, "REVOKED", context.now), unannounced=True)
        decision.changes.append(Change("jobs", job_id, overtook))
        return decision
    if known.job is None:
        return decision
    state = tables.works[known.work_id]
    decision.changes.append(Change("jobs", job_id, _ended(known.work_id, "REVOKED", context.now)))
    decision.outputs.append(_changed(known.job, state, "REVOKED", context))
    if set(tables.waiting[known.work_id]) == {job_id}:
        decision.outputs.append(_revocation(state))
        decision.changes.extend(_forgotten(tables, state))
    return decision


def _ended(work_id: str, state: State, now: datetime) -> JobState:
    return JobState(work_id=work_id, state=state, ended_at=now)


def _revocation(state: WorkState) -> Output:
    return Output(REVOCATIONS, state.work.work_id, RunRevoked(work_id=state.work.work_id, run=state.run))


def _forgotten(tables: Tables, state: WorkState) -> list[Change]:
    """The work is over: its entry and its chunks go."""
    work_id = state.work.work_id
    chunks = [Change("chunks", chunk_table_key(work_id, span), None) for span in tables.chunks.get(work_id, {})]
    return [Change("works", work_id, None), *chunks]


def _reported(tables: Tables, report: WorkReported, context: Context) -> Decision:
    state = tables.works.get(report.work_id)
    if state is None or state.run != report.run:
        return Decision()  # of a run that is over
    match report.event:
        case SliceOpened() as opened:
            return _opened(tables, state, opened, context)
        case SliceClosed() as closed:
            state = state.model_copy(update={"audio_info": closed.audio_info, "chunks": closed.chunks})
            decision = _started(tables, state, context)
            return _go_on(decision, tables, state, {}, context)
        case ChunkTranscribed() as result:
            return _transcribed(tables, state, result, context)
        case ChunkLost():
            return _lost(tables, state, context)
        case WorkFailed() as failed:
            return _failed(tables, state, failed.failure, context)


def _started(tables: Tables, state: WorkState, context: Context) -> Decision:
    """Writes the work's new state; the first report of a run also starts its jobs."""
    decision = Decision()
    if state.started_at is None:
        state = state.model_copy(update={"started_at": context.now})
        for job_id, job in tables.jobs_waiting(state.work.work_id):
            decision.changes.append(Change("jobs", job_id, JobState(work_id=state.work.work_id, state="STARTED", job=job)))
            decision.outputs.append(_changed(job, state, "STARTED", context))
    decision.changes.append(Change("works", state.work.work_id, state))
    return decision


def _opened(tables: Tables, state: WorkState, opened: SliceOpened, context: Context) -> Decision:
    if state.chunks is not None or state.audio_info == opened.audio_info:
        return Decision()  # a repeat
    return _started(tables, state.model_copy(update={"audio_info": opened.audio_info}), context)


def _transcribed(tables: Tables, state: WorkState, result: ChunkTranscribed, context: Context) -> Decision:
    work_id, known = state.work.work_id, tables.chunks.get(state.work.work_id, {}).get(result.span)
    decision = _started(tables, state, context) if state.started_at is None else Decision()
    if known is not None and assembly.awaited(known) and result.attempt == 0:
        # Its audio had gone and is back: ask once more for what was asked for then.
        return _go_on(decision, tables, state, {result.span: known.model_copy(update={"again": False})}, context)
    if known is not None and not (assembly.awaited(known) and result.attempt > 0):
        return decision  # a repeat
    chunk = ChunkState(result=result, again=known is not None and known.again)
    decision.changes.append(Change("chunks", chunk_table_key(work_id, result.span), chunk))
    news = {result.span: chunk}
    share = assembly.share_done(state, {**tables.chunks.get(work_id, {}), **news})
    progress = WorkProgressed(work_id=work_id, run=state.run, span=result.span, share=share, segments=result.segments)
    decision.outputs.append(Output(PROGRESS, work_id, progress))
    return _go_on(decision, tables, state, news, context)


def _go_on(
    decision: Decision, tables: Tables, state: WorkState, news: dict[tuple[int, int], ChunkState], context: Context
) -> Decision:
    """After every change of a work: is it complete, or is something to be heard again? `news`: not in the tables yet."""
    state = next((c.value for c in decision.changes if c.table == "works"), state)
    chunks = {**tables.chunks.get(state.work.work_id, {}), **news}
    if state.chunks is None or assembly.missing(state, chunks):
        return decision
    if doubtful := assembly.doubtful(state, chunks):
        for chunk, language in doubtful:
            again = chunks[chunk.span].model_copy(update={"again": True})
            decision.changes.append(Change("chunks", chunk_table_key(state.work.work_id, chunk.span), again))
            decision.outputs.append(_again(state, chunk, language, context))
        return decision
    transcript = assembly.assemble(state, chunks, context.now)
    _succeed(decision, tables.jobs_waiting(state.work.work_id), transcript, state, context)
    decision.transcript = transcript
    ref = _transcript_ref(context, state.work.work_id)
    decision.changes.append(Change("cache", state.work.work_id, CacheEntry(transcript=ref, finished_at=context.now)))
    decision.changes.extend(_forgotten(tables, state))
    decision.changes.extend(Change("chunks", chunk_table_key(state.work.work_id, span), None) for span in news)
    return decision


def _again(state: WorkState, chunk: SlicedChunk, language: str, context: Context) -> Output:
    work = state.work
    lane = state.lane or "bulk"
    ready = ChunkReady(
        work_id=work.work_id,
        run=state.run,
        slice_id=work.slice_id,
        span=chunk.span,
        pieces=chunk.pieces,
        audio=ObjectRef(bucket=context.work_bucket, key=keys.chunk_key(work.slice_id, chunk.span)),
        model=work.model,
        decoding=work.decoding.model_copy(update={"language": language}),
        lane=lane,
        attempt=1,
    )
    return Output(CHUNKS_INTERACTIVE if lane == "interactive" else CHUNKS_BULK, ready.chunk_id, ready)


def _lost(tables: Tables, state: WorkState, context: Context) -> Decision:
    """Chunk audio went by age: one new decode writes it again. What is already transcribed stays."""
    if state.decodes >= DECODES_MAX:
        failure = Failure(reason="audio_gone", message="the audio of a chunk disappeared from the store, twice")
        return _failed(tables, state, failure, context)
    state = state.model_copy(update={"decodes": state.decodes + 1})
    return Decision([Change("works", state.work.work_id, state)], [_decode(state)])


def _failed(tables: Tables, state: WorkState, failure: Failure, context: Context) -> Decision:
    decision = Decision()
    for job_id, job in tables.jobs_waiting(state.work.work_id):
        decision.changes.append(Change("jobs", job_id, _ended(state.work.work_id, "FAILURE", context.now)))
        decision.outputs.append(_changed(job, state, "FAILURE", context, error=failure))
    decision.outputs.append(_revocation(state))  # chunks of it that still wait need not be heard
    decision.changes.extend(_forgotten(tables, state))
    return decision


def _succeed(
    decision: Decision,
    jobs: Iterable[tuple[str, Job]],
    transcript: Transcript,
    origin: WorkState | Work,
    context: Context,
) -> None:
    """`origin`: the work that just ended, or the plain work of a request that is answered from the cache."""
    state, work = (origin, origin.work) if isinstance(origin, WorkState) else (None, origin)
    ref = _transcript_ref(context, transcript.work_id)
    started_at = state.started_at if state is not None else context.now
    for job_id, job in jobs:
        cached = state is None or state.starter != job_id
        result = reports.summary(job, transcript, ref)
        facts = {"cached": cached, "result": result, "started_at": started_at}
        decision.changes.append(Change("jobs", job_id, _ended(transcript.work_id, "SUCCESS", context.now)))
        decision.outputs.append(reports.changed(job, work, "SUCCESS", context.now, **facts))
        decision.outputs.append(reports.completed(job, transcript, result, context.now, cached=cached))


def _changed(job: Job, origin: WorkState, state: State, context: Context, error: Failure | None = None) -> Output:
    started_at = context.now if state == "STARTED" else origin.started_at
    return reports.changed(job, origin.work, state, context.now, started_at=origin.started_at or started_at, error=error)


def _transcript_ref(context: Context, work_id: str) -> ObjectRef:
    return ObjectRef(bucket=context.work_bucket, key=keys.transcript_key(work_id))
