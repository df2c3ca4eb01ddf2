"""What happens next. Pure: tables and one event in; changes, outputs and perhaps a finished transcript out.

Called by the coordinator's loop, and safe to call again with the same event: nothing changes until the caller applies the
decision.
"""

from dataclasses import dataclass, replace

from processors.coordinator import assembly, correction, forgetting, job_states, lost_objects, new_jobs, run_records
from processors.coordinator.context import Context
from processors.coordinator.correction import Corrected
from processors.coordinator.draft import Draft
from processors.coordinator.entries import Change, ChunkState, JobState, WorkState
from processors.coordinator.tables import Tables
from runtime.kafka.messages import Output
from schemas.cache import CLEARED, CacheCleared, CacheEntry
from schemas.jobs import CancelRequested, JobRequested
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
# Of the closing record, kept in the state.
CLOSING = ("audio_info", "chunks", "decode_s", "vad_s", "decoder_peak_memory_bytes", "audio_run")


@dataclass(frozen=True, slots=True)
class Decision:
    """`transcript` must be stored before the rest takes effect."""

    changes: tuple[Change, ...]
    outputs: tuple[Output, ...]
    transcript: Transcript | None


def decide(tables: Tables, event: Event, context: Context) -> Decision:
    draft = Draft(tables)
    if isinstance(event, JobRequested):
        new_jobs.requested(draft, event, context)
    elif isinstance(event, CancelRequested):
        _cancelled(draft, event, context)
    elif isinstance(event, CacheCleared):
        _cleared(draft, event)
    else:
        _reported(draft, event, context)
    return Decision(draft.changes(), tuple(draft.outputs), draft.transcript)


def _cancelled(draft: Draft, event: CancelRequested, context: Context) -> None:
    job_id = str(event.job_id)
    known = draft.job(job_id)
    if event.delete:
        if known is not None and known.ended_at is not None:  # it stays in the table, so that it does not run again
            draft.outputs.append(forgetting.gone(job_id))
            if known.record_bytes:
                draft.set_job(job_id, replace(known, record_bytes=0))
        return
    if known is None:
        draft.set_job(job_id, replace(job_states.ended(event.work_id, "REVOKED", context.now), unannounced=True))
        return
    if known.job is None:
        return  # it has ended already
    state = draft.work(known.work_id)
    assert state is not None  # since a job waits for it
    draft.set_job(job_id, job_states.ended(known.work_id, "REVOKED", context.now))
    draft.outputs.append(job_states.changed(known.job, state, "REVOKED", context))
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
            lost_objects.chunk_lost(draft, state, context)
        case WorkFailed() as failed if failed.failure.reason in lost_objects.OF_ONE_OBJECT:
            lost_objects.object_failed(draft, state, failed.failure, context)
        case WorkFailed() as failed:
            job_states.fail(draft, state, failed.failure, context)


def _started(draft: Draft, state: WorkState, context: Context) -> WorkState:
    """Sets the new state of the work and returns it; the first report of a run also starts its jobs."""
    work_id = state.work.work_id
    if state.started_at is None:
        state = state.model_copy(update={"started_at": context.now})
        for job_id, job in draft.waiting(work_id).items():
            draft.set_job(job_id, JobState(work_id=work_id, state="STARTED", job=job))
            draft.outputs.append(job_states.changed(job, state, "STARTED", context))
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
    job_states.succeed(draft, raw, draft.transcript, state, context)
    if correcting:  # the chunks are in the transcript
        draft.restart_work(correction.request(draft, state, correcting.values(), draft.transcript, context))
    else:
        draft.delete_work(work_id)


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
    job_states.succeed(draft, ended, context.finished.with_warning(end.uncorrected), state, context, end)
    if len(ended) == len(waiting):
        draft.delete_work(work_id)


def _transcribe_again(draft: Draft, state: WorkState, context: Context) -> None:
    """The transcript is no longer in the store."""
    again = {"run": context.new_run, "correction": None, "chunks": None, "decodes": 1}
    state = state.model_copy(update=again)
    draft.restart_work(state)
    draft.outputs.append(run_records.decode(state))
