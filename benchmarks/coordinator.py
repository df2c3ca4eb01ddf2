"""What the coordinator's decisions cost for one long file: CPU time per chunk result, which must not grow with the file.

`python -m benchmarks.coordinator [CHUNKS...]`; 100, 1,000 and 10,000 unless given. No broker and no store: `decide()` and the
tables only.
"""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from benchmarks.figures import conditions
from processors.coordinator.context import Context
from processors.coordinator.decide import Event, decide
from processors.coordinator.tables import Tables
from schemas.jobs import Job, JobRequested, Work
from schemas.options import DecodingOptions, ModelRef
from schemas.record import ObjectRef
from schemas.segment import Segment
from schemas.sound import SAMPLE_RATE_HZ
from schemas.work import (
    AudioInfo,
    ChunkTranscribed,
    SliceClosed,
    SlicedChunk,
    SliceOpened,
    Span,
    WorkReported,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CHUNK_S = 30
WORK = Work(
    work_id="a" * 64,
    audio_id="b" * 64,
    slice_id="c" * 64,
    audio=ObjectRef(bucket="uploads", key="talk.wav"),
    model=ModelRef(name="demo", revision="1"),
    decoding=DecodingOptions(),
)
JOB = Job(job_id=UUID(int=1), source="http", filename="talk.wav", submitted_at=NOW)


def main() -> None:
    print(conditions())
    for chunks in [int(word) for word in sys.argv[1:]] or [100, 1_000, 10_000]:
        cpu_s, last_s = measured(chunks)
        print(f"{chunks:,} chunks: {cpu_s:.2f} s of CPU, {1e6 * cpu_s / chunks:,.0f} µs a result; the last one {last_s:.2f} s")


def measured(chunks: int) -> tuple[float, float]:
    """CPU seconds of all results but the last, and of the last one, which makes the transcript."""
    tables, spent_s = Tables(), []
    for offset, event in enumerate(events(chunks)):
        began_s = time.process_time()
        decision = decide(tables, event, Context(f"0-{offset}", NOW, "work"))
        for change in decision.changes:
            tables.apply(change)
        spent_s.append(time.process_time() - began_s)
    assert decision.transcript is not None
    assert len(decision.transcript.segments) == chunks
    return sum(spent_s[:-1]), spent_s[-1]


def events(chunks: int) -> Iterator[Event]:
    """A request, and what the slicer and the transcribers report; the file is decoded when half of it is transcribed."""
    spans = [(number * CHUNK_S * SAMPLE_RATE_HZ, (number + 1) * CHUNK_S * SAMPLE_RATE_HZ) for number in range(chunks)]
    length_s = float(chunks * CHUNK_S)
    info = AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16_000, channels=1, declared_duration_s=length_s)
    yield JobRequested(job=JOB, work=WORK)
    yield _report(SliceOpened(audio_info=info))
    for number, span in enumerate(spans):
        if number == chunks // 2:
            yield _report(SliceClosed(audio_info=info, chunks=tuple(SlicedChunk(span=s, pieces=(s,)) for s in spans)))
        yield _report(_result(span))


def _report(event: SliceOpened | SliceClosed | ChunkTranscribed) -> WorkReported:
    return WorkReported(work_id=WORK.work_id, run="0-0", event=event)


def _result(span: Span) -> ChunkTranscribed:
    segment = Segment(start=span[0] / SAMPLE_RATE_HZ, end=span[1] / SAMPLE_RATE_HZ, text="Some words of a long talk.")
    return ChunkTranscribed(
        span=span,
        attempt=0,
        speech_s=float(CHUNK_S),
        language="en",
        language_probability=0.99,
        segments=(segment,),
        inference_s=1.0,
    )


if __name__ == "__main__":
    main()
