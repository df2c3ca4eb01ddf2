"""A GPU that fails for good: the stage ends without its chunk, and a chunk that does it three times fails its work."""

import threading
from pathlib import Path

import pytest

from processors.transcriber.held import Held
from processors.transcriber.residents import Residents
from processors.transcriber.stage import Transcriber
from runtime.errors import DeviceLost
from runtime.kafka.client import Kafka
from runtime.kafka.loop import Loop, LoopOptions
from runtime.objects.directory import DirectoryStore
from runtime.resources import Stage
from schemas import codec
from schemas.topics import CHUNK_RESULTS, CHUNKS_BULK, CHUNKS_INTERACTIVE
from schemas.work import WorkFailed, WorkReported
from tests.contract.brokers import whole
from tests.unit.processors.transcriber.bench import MODEL, Revoked, StandIn, System
from tests.waiting import DEADLINE_S

STARTS = 3


def lost(_batch: object) -> None:
    raise DeviceLost("the GPU cannot be used by this process any more")


def stage(kafka: Kafka, store: DirectoryStore) -> Stage:
    engine = StandIn(wrong=lost)
    engine.gate.set()
    transcriber = Transcriber([MODEL], store, Revoked(), Residents[Held](MODEL, lambda model, on_cpu: engine))
    return Loop("transcriber", kafka, [CHUNKS_INTERACTIVE, CHUNKS_BULK], transcriber, LoopOptions(group_per_topic=True))


def test_a_chunk_that_costs_the_device_three_times_fails_its_work(kafka: Kafka, tmp_path: Path) -> None:
    system = System(tmp_path, StandIn())
    chunk = system.chunk().event
    producer = kafka.producer("test")
    producer.produce(kafka.name(CHUNKS_BULK), codec.encode(chunk), key=chunk.chunk_id)
    producer.flush(DEADLINE_S)
    for _ in range(STARTS):
        with pytest.raises(DeviceLost):
            stage(kafka, system.store).run()
    last = stage(kafka, system.store)
    thread = threading.Thread(target=last.run, daemon=True)
    thread.start()
    try:
        (message,) = whole(kafka, CHUNK_RESULTS, 1)
    finally:
        last.stop()
        thread.join(DEADLINE_S)
    event = codec.decode(WorkReported, message.value()).event
    assert isinstance(event, WorkFailed)
    assert event.failure.reason == "crashes_engine"
