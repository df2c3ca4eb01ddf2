"""Repeated requests at the transcriber: answered again, not transcribed again. A second transcription on purpose is done."""

from dataclasses import replace

import pytest

from runtime.kafka.messages import Partition, Received
from schemas.options import DecodingOptions
from schemas.work import ChunkReady
from tests.unit.processors.transcriber.bench import SECOND, System


def repeat(record: Received[ChunkReady], partition: int = 1, changes: dict[str, object] | None = None) -> Received[ChunkReady]:
    """The same request, once more on the topic."""
    event = record.event.model_copy(update=changes or {})
    return replace(record, partition=Partition(record.topic, partition), offset=record.offset + 100, event=event)


def test_a_repeat_is_settled_with_the_same_result_and_not_transcribed_again(system: System) -> None:
    record = system.chunk()
    system.turn(record)
    system.until(system.settled, "the chunk")
    late = repeat(record)
    (step,) = system.turn(late)
    assert step.settles is late
    assert step.begins == ()
    first, again = system.answers()
    assert first == again
    assert system.engine.batches == [1]


def test_a_repeat_of_what_is_in_flight_waits_for_its_answer(system: System) -> None:
    system.engine.gate.clear()
    record, other = system.chunk(), system.chunk()
    system.turn(record, repeat(record), repeat(record, partition=2), other)
    system.until(lambda: len(system.begun()) == 2, "both replicas to be busy")
    assert system.begun() == [record, other]
    assert system.settled() == []
    system.engine.gate.set()
    system.until(lambda: len(system.settled()) == 4, "all")
    assert len(system.answers()) == 4
    assert system.engine.batches == [1, 1]


def test_a_repeat_is_transcribed_when_the_first_has_moved_to_another_transcriber(system: System) -> None:
    system.engine.gate.clear()
    record = system.chunk()
    again = repeat(record)
    system.turn(record, again)
    system.until(system.begun, "the first")
    system.handler.on_revoke([record.partition])
    system.until(lambda: again in system.begun(), "the repeat")
    system.engine.gate.set()
    system.until(system.settled, "the repeat")
    system.until(lambda: not system.residents.busy, "both to end")
    assert system.settled() == [again]


def test_a_repeat_is_transcribed_when_the_audio_of_the_first_was_lost_and_is_back(system: System) -> None:
    record = system.chunk(audio=False)
    system.turn(record)
    system.until(system.settled, "the loss")
    system.store.put("work", f"chunks/{record.offset}", SECOND.tobytes())
    system.turn(repeat(record))
    system.until(lambda: len(system.settled()) == 2, "the repeat")
    assert system.kinds() == ["chunk.lost", "chunk.transcribed"]


@pytest.mark.parametrize("changes", [{"attempt": 1}, {"run": "0-9"}, {"decoding": DecodingOptions(language="de")}])
def test_a_chunk_that_is_requested_again_on_purpose_is_transcribed_again(system: System, changes: dict[str, object]) -> None:
    record = system.chunk()
    system.turn(record, second := repeat(record, changes=changes))
    system.until(lambda: len(system.settled()) == 2, "both")
    assert system.begun() == [record, second]
    assert system.engine.batches == [1, 1]


def test_repeats_of_what_killed_three_workers_are_not_begun_either(system: System) -> None:
    record = system.chunk(attempts=3)
    system.turn(record, replace(repeat(record), attempts=0))
    assert len(system.settled()) == 2
    assert [answer.failure.reason for answer in system.answers()] == ["crashes_engine"] * 2
    assert system.begun() == []
