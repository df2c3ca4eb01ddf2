"""The coordinator's tables and partitions survive a crash of their owner: recovered completely, taken over after a kill or a
freeze."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer

from processors.coordinator.stage import INPUTS, Coordinator
from processors.coordinator.tables import Tables
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Partition
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from schemas import codec
from schemas.cache import CacheCleared
from schemas.jobs import CancelRequested
from schemas.record import Record
from schemas.segment import Segment
from schemas.topics import CACHE_CLEARS, CANCELLATIONS, CHUNK_RESULTS, REQUESTS, Topic
from schemas.work import AudioInfo, ChunkTranscribed, SliceClosed, SlicedChunk, WorkReported
from scripts.services.supervisor import Services
from tests.contract.brokers import committed, running
from tests.services.coordinators import FAILED_EXIT, PARTITIONS, Coordinators, coordinators, figures, request
from tests.waiting import DEADLINE_S, wait_until

JOBS_EACH = 240  # in each partition: cancelled, finished, half transcribed and waiting ones, a fourth each
INFO = AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16_000, channels=1, declared_duration_s=4.0, duration_s=4.0)
SPANS = ((0, 16_000), (20_000, 36_000))


@pytest.fixture
def own(services: Services, tmp_path: Path) -> Iterator[Coordinators]:
    with coordinators(services, tmp_path) as built:
        yield built


def text(span: tuple[int, int]) -> ChunkTranscribed:
    segment = Segment(start=span[0] / 16_000, end=span[1] / 16_000, text="Hello.")
    return ChunkTranscribed(
        span=span,
        attempt=0,
        speech_s=1.0,
        language="en",
        language_probability=0.99,
        segments=(segment,),
        inference_s=0.1,
    )


def fill(own: Coordinators) -> dict[Topic, int]:
    """Writes all records of every job; returns how many records each topic has per partition."""
    producer = own.kafka.producer("tests")
    written: dict[Topic, int] = dict.fromkeys(INPUTS, 0)
    for number in range(PARTITIONS):
        events = _lives(number)
        for topic, event in events:
            _produce(producer, own.kafka.name(topic), event, number)
        if number == 0:
            written = {topic: sum(of is topic for of, _ in events) for topic in INPUTS}
    assert producer.flush(DEADLINE_S) == 0
    return written


def _lives(number: int) -> list[tuple[Topic, Record]]:
    events: list[tuple[Topic, Record]] = [(CACHE_CLEARS, CacheCleared(at=datetime.now(UTC)))]
    for offset in range(JOBS_EACH):
        requested = request()
        events.append((REQUESTS, requested))
        work_id, run = requested.work.work_id, f"{number}-{offset}"
        if offset % 4 == 0:
            cancel = CancelRequested(job_id=requested.job.job_id, work_id=work_id, requested_at=datetime.now(UTC))
            events.append((CANCELLATIONS, cancel))
        chunks = tuple(SlicedChunk(span=span, pieces=(span,)) for span in SPANS)
        if offset % 4 in (1, 2):
            closed = SliceClosed(audio_info=INFO, chunks=chunks)
            events.append((CHUNK_RESULTS, WorkReported(work_id=work_id, run=run, event=closed)))
            events.append((CHUNK_RESULTS, WorkReported(work_id=work_id, run=run, event=text(SPANS[0]))))
        if offset % 4 == 1:
            events.append((CHUNK_RESULTS, WorkReported(work_id=work_id, run=run, event=text(SPANS[1]))))
    return events


def _produce(producer: Producer, topic: str, event: Record, number: int) -> None:
    producer.produce(topic, codec.encode(event), key=b"key", partition=number)


def snapshot(coordinator: Coordinator) -> dict[int, Tables]:
    return dict(coordinator._tables)


def test_tables_read_back_from_the_changelogs_are_those_that_were_lost(own: Coordinators, tmp_path: Path) -> None:
    """Four topics arrive in any order: a cancel or a result may overtake its request. Whatever came of it is recovered."""
    store = DirectoryStore({"work": tmp_path / "work"})
    store.create()
    transcripts = Transcripts(store, "work")
    first = Coordinator(own.kafka, transcripts, own.settings)
    lost: dict[int, Tables] = {}
    options = LoopOptions(assignment="range", transactional=True)
    written = fill(own)
    loop = Loop("coordinator", own.kafka, INPUTS, first, options)
    with running(loop):
        for topic, count in written.items():
            for number in range(PARTITIONS):
                wait_until(
                    lambda topic=topic, number=number, count=count: (  # type: ignore[misc]
                        committed(own.kafka, "coordinator", topic, number).offset == count
                    ),
                    "every event decided",
                )
        lost = snapshot(first)
    second = Coordinator(own.kafka, transcripts, own.settings)
    second.on_assign([Partition(REQUESTS.name, number) for number in range(PARTITIONS)])
    found = snapshot(second)
    assert sum(len(tables.jobs) for tables in lost.values()) == PARTITIONS * JOBS_EACH
    assert found == lost
    assert [list(tables.cache) for tables in found.values()] == [list(tables.cache) for tables in lost.values()]


def test_partitions_are_served_again_after_a_kill_and_after_a_freeze_and_nothing_is_decided_twice(own: Coordinators) -> None:
    for what, seconds in figures(own):
        print(f"{what}: {seconds:.1f} s")
    requested = len(own.decodes)
    assert len({decode.event_id for decode in own.decodes}) == requested == PARTITIONS * 5


def test_a_second_process_of_the_same_name_shuts_the_first_out_which_ends_with_the_code_of_a_failure(own: Coordinators) -> None:
    first = own.coordinator("first", "twin")
    own.probe()
    second = own.coordinator("second", "twin")
    wait_until(lambda: second.partitions == PARTITIONS, "the second has them all")
    own.probe()
    assert first.process.wait() == FAILED_EXIT
    assert len({decode.event_id for decode in own.decodes}) == len(own.decodes)
