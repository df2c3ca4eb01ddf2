"""Chunks that an earlier run has kept: the file is not decoded again, and nobody can tell by the chunks."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from processors.slicer.audio import Check, DecodeOptions, OpenAudio, Seekable, no_check
from processors.slicer.kept_slices import KeptSlices
from processors.slicer.slots import Slots
from processors.slicer.worker import FileWork
from runtime.kafka.messages import Received, Step
from runtime.objects.keys import slice_index_key
from schemas.options import ModelRef
from schemas.work import ChunkReady, DecodeRequested, SliceClosed, SliceOpened, WorkFailed
from tests.unit.processors.slicer.bench import Bench, work
from tests.unit.processors.slicer.test_worker import chunks, events, steps_of


def no_decoder(file: Seekable, options: DecodeOptions, check: Check = no_check) -> AbstractContextManager[OpenAudio]:
    raise AssertionError(f"{file} is decoded again, with {options} and {check}")


def steps_without_decoder(bench: Bench, record: Received[DecodeRequested], max_audio_s: float = 600.0) -> list[Step]:
    slicer = replace(bench.context.slicer, decode=no_decoder, max_audio_s=max_audio_s)
    emitted: list[Step | Exception | None] = []
    FileWork(record, replace(bench.context, slicer=slicer), Slots(4), lambda _, step: emitted.append(step)).run()
    steps = [step for step in emitted if isinstance(step, Step)]
    assert steps == emitted
    return steps


def second(bench: Bench, **more: Any) -> Received[DecodeRequested]:
    """The same file with another model."""
    record = bench.request(offset=1, **more)
    other = record.event.work.model_copy(update={"work_id": "c" * 64, "model": ModelRef(name="tiny", revision="r2")})
    return replace(record, event=record.event.model_copy(update={"work": other}))


def index_of(bench: Bench) -> str:
    return slice_index_key(work(bench.request().event.work.audio).slice_id)


def facts(each: ChunkReady) -> tuple[object, ...]:
    return each.span, each.pieces, each.speech, each.index, each.lane, each.audio_sha256, each.audio.key


def test_another_model_gets_the_same_chunks_without_decoding(bench: Bench) -> None:
    first = steps_of(bench, bench.request())
    again = steps_without_decoder(bench, second(bench))

    assert [facts(each) for each in chunks(again)] == [facts(each) for each in chunks(first)]
    assert {each.model.name for each in chunks(again)} == {"tiny"}
    opened, closed = events(again)
    assert isinstance(opened, SliceOpened)
    assert isinstance(closed, SliceClosed)
    before = events(first)[-1]
    assert isinstance(before, SliceClosed)
    assert (closed.audio_info, closed.chunks, closed.lane) == (before.audio_info, before.chunks, before.lane)
    assert (closed.audio_run, before.audio_run, closed.decode_s) == ("0-0", None, 0.0)
    assert again[-1].settles is not None
    assert all(bench.store.get("work", each.audio.key) for each in chunks(again))


def test_a_worker_that_takes_over_publishes_only_the_rest(bench: Bench) -> None:
    first = steps_of(bench, bench.request())
    checkpoint = next(checkpoint for step in first for _, checkpoint in step.checkpoints)
    again = chunks(steps_without_decoder(bench, second(bench, checkpoint=checkpoint)))
    assert [(each.span, each.index) for each in again] == [(each.span, each.index) for each in chunks(first)][1:]


def test_a_use_makes_the_index_young(bench: Bench) -> None:
    steps_of(bench, bench.request())
    before = bench.store.head("work", index_of(bench))
    steps_without_decoder(bench, second(bench))
    after = bench.store.head("work", index_of(bench))
    assert after.modified_at > before.modified_at
    assert after.size_bytes == before.size_bytes


def test_a_missing_chunk_or_a_damaged_index_is_no_answer(bench: Bench) -> None:
    first = steps_of(bench, bench.request())
    slice_id = chunks(first)[0].slice_id
    kept = KeptSlices(bench.store, "work")
    assert kept.find(slice_id) is not None
    bench.store.put("work", index_of(bench), b"{}")
    assert kept.find(slice_id) is None
    again = steps_of(bench, second(bench))
    assert {each.audio.key.split("/")[2] for each in chunks(again)} == {"0-1"}
    assert kept.find(slice_id) is not None
    bench.store.delete("work", chunks(again)[1].audio.key)
    assert kept.find(slice_id) is None


def test_an_attempt_because_of_lost_audio_decodes_again(bench: Bench) -> None:
    steps_of(bench, bench.request())
    record = second(bench)
    again = steps_of(bench, replace(record, event=record.event.model_copy(update={"attempt": 1})))
    assert {each.audio.key.split("/")[2] for each in chunks(again)} == {"0-1"}


def test_the_longest_audio_that_is_allowed_may_have_become_shorter(bench: Bench) -> None:
    steps_of(bench, bench.request())
    (event,) = events(steps_without_decoder(bench, second(bench), max_audio_s=5.0))
    assert isinstance(event, WorkFailed)
    assert event.failure.reason == "too_long"


def test_silence_is_kept_too(bench: Bench) -> None:
    steps_of(bench, bench.request("silence.flac"))
    closed = events(steps_without_decoder(bench, second(bench)))[-1]
    assert isinstance(closed, SliceClosed)
    assert (closed.chunks, closed.audio_info.duration_s) == ((), 10)


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_retry_needs_no_file_any_more(bench: Bench, is_gone: bool) -> None:
    steps_of(bench, bench.request())
    record = second(bench)
    if is_gone:
        bench.store.delete("uploads", record.event.work.audio.key)
    assert len(chunks(steps_without_decoder(bench, record))) > 2
