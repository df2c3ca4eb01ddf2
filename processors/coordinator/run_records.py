"""The records about a run: what slicers and transcribers are to do, and how far they are. Made by `decide`."""

from processors.coordinator import assembly
from processors.coordinator.entries import WorkState
from runtime.kafka.messages import Output
from runtime.objects import keys
from schemas.record import ObjectRef
from schemas.topics import CHUNKS_BULK, CHUNKS_INTERACTIVE, DECODES, PROGRESS, REVOCATIONS
from schemas.work import ChunkReady, ChunkTranscribed, DecodeRequested, RunRevoked, SlicedChunk, WorkProgressed


def decode(state: WorkState) -> Output:
    request = DecodeRequested(work=state.work, run=state.run, lane=state.lane, attempt=state.decodes - 1, trace=state.trace)
    return Output(DECODES, state.work.work_id, request)


def second_transcription(
    state: WorkState, chunk: SlicedChunk, language: str, first: ChunkTranscribed, work_bucket: str
) -> Output:
    """Of a chunk, in the language of the file, and in the lane of the first."""
    work = state.work
    lane = state.chosen_lane or state.lane or "bulk"  # a slicer of an earlier release reports none
    ready = ChunkReady(
        work_id=work.work_id,
        run=state.run,
        slice_id=work.slice_id,
        span=chunk.span,
        pieces=chunk.pieces,
        audio=ObjectRef(bucket=work_bucket, key=keys.chunk_key(work.slice_id, state.audio_run or state.run, chunk.span)),
        audio_sha256=first.audio_sha256,
        model=work.model,
        decoding=work.decoding.model_copy(update={"language": language}),
        lane=lane,
        attempt=1,
        index=first.index,
        trace=state.trace,
    )
    return Output(CHUNKS_INTERACTIVE if lane == "interactive" else CHUNKS_BULK, ready.chunk_id, ready)


def progress(state: WorkState, result: ChunkTranscribed, share: float) -> Output:
    record = WorkProgressed(
        work_id=state.work.work_id,
        run=state.run,
        span=result.span,
        share=share,
        segments=result.segments,
        index=result.index,
        language=result.language,
        language_probability=None if result.language is None else result.language_probability,
        may_change=assembly.may_change(state, result),
        trace=state.trace,
    )
    return Output(PROGRESS, state.work.work_id, record)


def revocation(state: WorkState) -> Output:
    return Output(REVOCATIONS, state.work.work_id, RunRevoked(work_id=state.work.work_id, run=state.run, trace=state.trace))
