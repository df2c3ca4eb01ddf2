"""Reports a chunk's text: to the coordinator in the file's own time, to operators as metrics and log lines.

Called by `stage` when a chunk begins, is read and is settled.
"""

import time
from collections import Counter
from collections.abc import Iterable

from processors.transcriber.spoken import Stretch
from processors.transcriber.times import restore, restore_stretch
from processors.transcriber.windows import ChunkText
from runtime import metrics
from runtime.kafka.messages import Received
from runtime.logs import get_logger
from schemas.record import Lane
from schemas.segment import RemovedSegment
from schemas.warning import TranscriptWarning
from schemas.work import ChunkReady, ChunkTranscribed

log = get_logger(__name__)


def begun(records: Iterable[Received[ChunkReady]]) -> None:
    """Their inference begins now."""
    now_s = time.time()
    for record in records:
        metrics.CHUNK_WAIT_SECONDS.labels(record.event.lane).observe(max(0.0, now_s - record.timestamp_ms / 1000))


def settled(chunk: ChunkReady, lane: Lane, outcome: str, inference_s: float) -> None:
    """The one log line of a chunk."""
    metrics.CHUNKS.labels(lane, outcome).inc()
    log.debug(
        "chunk.transcribed",
        work_id=chunk.work_id,
        chunk_id=chunk.chunk_id,
        run=chunk.run,
        attempt=chunk.attempt,
        lane=lane,
        outcome=outcome,
        speech_s=chunk.speech_s,
        inference_s=inference_s,
        trace_id=chunk.trace_id,
    )


def report(chunk: ChunkReady, text: ChunkText) -> None:
    """What an operator should know of a chunk that was transcribed."""
    metrics.CHUNK_INFERENCE_SECONDS.labels(chunk.lane).observe(text.inference_s)
    metrics.TRANSCRIBED_AUDIO_SECONDS.labels(chunk.lane).inc(chunk.speech_s)
    metrics.WINDOWS_REFITTED.inc(text.refitted)
    for reason, segments in Counter(segment.reason for segment in text.removed).items():
        metrics.SEGMENTS_REMOVED.labels(reason).inc(segments)
    for stretch in text.unread:
        start, end = restore_stretch(stretch, chunk.pieces)
        metrics.UNREAD_SPEECH_SECONDS.inc(stretch[1] - stretch[0])
        log.debug("speech.unread", work_id=chunk.work_id, chunk_id=chunk.chunk_id, start_s=start, end_s=end)


def transcribed(chunk: ChunkReady, text: ChunkText) -> ChunkTranscribed:
    """The chunk's text in the file's own time."""
    return ChunkTranscribed(
        span=chunk.span,
        attempt=chunk.attempt,
        speech_s=chunk.speech_s,
        language=text.language,
        language_probability=text.language_probability,
        segments=restore(text.segments, chunk.pieces),
        removed=tuple(_removed(segment, chunk) for segment in text.removed),
        warnings=(*text.warnings, *(_unread(stretch, chunk) for stretch in text.unread)),
        inference_s=text.inference_s,
        audio_sha256=chunk.audio_sha256,
        index=chunk.index,
    )


def _removed(segment: RemovedSegment, chunk: ChunkReady) -> RemovedSegment:
    start, end = restore_stretch((segment.start, segment.end), chunk.pieces)
    return segment.model_copy(update={"start": start, "end": end})


def _unread(stretch: Stretch, chunk: ChunkReady) -> TranscriptWarning:
    start, end = restore_stretch(stretch, chunk.pieces)
    return TranscriptWarning(code="no_text", message="speech was detected, but there is no text for it", start=start, end=end)
