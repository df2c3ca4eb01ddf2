"""The transcriber as a process runs it: records in on both lanes of a broker, the real model, results out."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import ctranslate2
import numpy as np
import pytest

from processors.transcriber import stage
from runtime.kafka.client import Kafka
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources
from runtime.settings import Settings
from schemas import codec
from schemas.options import DecodingOptions
from schemas.record import Lane, ObjectRef
from schemas.topics import CHUNK_RESULTS, CHUNKS_BULK, CHUNKS_INTERACTIVE
from schemas.work import ChunkReady, ChunkTranscribed, WorkReported
from tests.clips import BY_NAME, word_errors
from tests.contract.brokers import whole
from tests.contract.reading import NO_GPU, chunks, waveform
from tests.waiting import DEADLINE_S, wait_until

CLIP = BY_NAME["en-parallel.flac"]


def ask(kafka: Kafka, store: DirectoryStore, model: catalogue.Model) -> int:
    """Puts the clip's chunks on the lanes in turn; returns how many there are."""
    producer = kafka.producer("test")
    cut = list(chunks(waveform(CLIP.file), longest_s=5))
    for number, (samples, pieces) in enumerate(cut):
        key = f"chunks/{number}"
        store.put("work", key, (samples * 32767).astype("<i2").tobytes())
        lane: Lane = "bulk" if number % 2 else "interactive"
        chunk = ChunkReady(
            work_id="a" * 64,
            run="0-0",
            slice_id="b" * 64,
            span=(pieces[0][0], pieces[-1][1]),
            pieces=pieces,
            audio=ObjectRef(bucket="work", key=key),
            model=model.ref,
            decoding=DecodingOptions(words=True),
            lane=lane,
        )
        topic = CHUNKS_BULK if lane == "bulk" else CHUNKS_INTERACTIVE
        headers = codec.headers(chunk, "murmur/test", datetime.now(UTC))
        producer.produce(kafka.name(topic), codec.encode(chunk), key=chunk.chunk_id, headers=[*headers])
    producer.flush(DEADLINE_S)
    return len(cut)


def results(kafka: Kafka, count: int) -> list[ChunkTranscribed]:
    reports = [codec.decode(WorkReported, message.value()) for message in whole(kafka, CHUNK_RESULTS, count)]
    events = [report.event for report in reports]
    return sorted((event for event in events if isinstance(event, ChunkTranscribed)), key=lambda event: event.span)


@pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not ctranslate2.get_cuda_device_count(), reason=NO_GPU))]
)
def test_chunks_of_both_lanes_come_back_as_text_in_the_files_time(kafka: Kafka, tmp_path: Path, device: str) -> None:
    (tmp_path / "work").mkdir()
    store, model = DirectoryStore({"work": tmp_path / "work"}), catalogue.resolve("demo")
    settings = Settings(_env_file=None, model="demo", device=device)
    transcriber = stage.build(Resources(settings, kafka, store, model))
    thread = threading.Thread(target=transcriber.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: transcriber.not_ready() is None, "the transcriber to be ready")
        events = results(kafka, ask(kafka, store, model))
    finally:
        transcriber.stop()
        thread.join(DEADLINE_S)
    assert not thread.is_alive()
    segments = [segment for event in events for segment in event.segments]
    assert len(events) > 1
    assert word_errors(CLIP.text, " ".join(segment.text for segment in segments)) <= CLIP.wer_max
    assert all(
        event.span[0] <= segment.start * 16_000 <= segment.end * 16_000 <= event.span[1] + 16
        for event in events
        for segment in event.segments
    )
    assert np.all(np.diff([segment.start for segment in segments]) > 0)
    assert all(segment.words for segment in segments)
