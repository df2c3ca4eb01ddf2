"""Many files at once: slots, crashes, partitions that go. The threads, the decoder and the store are real."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from processors.slicer.attempts import Attempts
from processors.slicer.audio import Check, DecodeOptions, OpenAudio, Progress, Seekable, no_check
from processors.slicer.decode import open_audio
from processors.slicer.stage import WAITING_MAX, SlicerHandler
from processors.slicer.worker import SMALL_BYTES
from runtime.identity import digest
from runtime.kafka.messages import Partition, Received, Step
from schemas.options import ModelRef
from schemas.work import DecodeRequested, SliceClosed, WorkFailed, WorkReported
from tests.unit.processors.slicer.bench import SLICER, Bench

SLOTS = 3
LARGE = b"\0" * (SMALL_BYTES + 1)


class NoRevocations:
    """Counts its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def check(self) -> None: ...

    def stop(self) -> None:
        self.calls.append("stop")


class NoDecoders:
    """The bench decodes in this process."""

    def start(self) -> None: ...

    def trim(self) -> None: ...

    def close(self) -> None: ...


def request(bench: Bench, clip: str = "en-parallel.flac", offset: int = 0, **more: Any) -> Received[DecodeRequested]:
    """As the bench's, each of audio of its own."""
    record = bench.request(clip, offset=offset, **more)
    work = record.event.work.model_copy(update={"slice_id": digest(offset)})
    return replace(record, event=record.event.model_copy(update={"work": work}))


@pytest.fixture
def handler(bench: Bench) -> Iterator[SlicerHandler]:
    made = SlicerHandler(bench.context, NoDecoders(), SLOTS, NoRevocations())
    yield made
    made.close()


def until_settled(handler: SlicerHandler, records: list[Received[DecodeRequested]]) -> list[Step]:
    """Turns of the loop until every record is settled."""
    steps: list[Step] = []
    pause = threading.Event()
    for turn in range(2000):
        steps += handler.handle(records if turn == 0 else [])
        if sum(step.settles is not None for step in steps) >= len(records):
            return steps
        pause.wait(0.005)
    raise AssertionError(f"not settled: {steps}")


def begun(steps: list[Step]) -> list[int]:
    return [record.offset for step in steps for record in step.begins]


def test_files_are_begun_and_settled(handler: SlicerHandler, bench: Bench) -> None:
    records = [request(bench, "en-command.wav", offset=0), request(bench, "pt-command.wav", offset=1)]
    steps = until_settled(handler, records)
    assert begun(steps) == [0, 1]
    assert steps[0].begins == [records[0]]
    ends = [step for step in steps if step.settles]
    assert {step.settles.offset for step in ends if step.settles} == {0, 1}
    assert all(
        isinstance(output.value.event, SliceClosed)
        for step in ends
        for output in step.outputs
        if isinstance(output.value, WorkReported)
    )


def test_a_file_that_killed_its_worker_three_times_fails_without_being_begun(handler: SlicerHandler, bench: Bench) -> None:
    record = request(bench, attempts=3)
    (step,) = until_settled(handler, [record])
    assert step.begins == ()
    (output,) = step.outputs
    assert isinstance(output.value, WorkReported)
    assert isinstance(output.value.event, WorkFailed)
    assert output.value.event.failure.reason == "crashes_decoder"


def test_one_place_is_kept_for_small_files(handler: SlicerHandler, bench: Bench) -> None:
    """The loop has taken no step of a thread yet, so every file that began still has its slot."""
    large = [request(bench, "film.mp4", data=LARGE, offset=offset) for offset in range(SLOTS)]
    small = [request(bench, "en-command.wav", offset=offset) for offset in (10, 11)]
    assert begun(list(handler.handle([*large, *small]))) == [0, 1, 10]


class Held:
    """A decoder that waits, as long as a file is wanted, until `go` is set; files up to `short_bytes` need not wait."""

    def __init__(self, short_bytes: int) -> None:
        self.go = threading.Event()
        self._short_bytes = short_bytes

    @contextmanager
    def __call__(self, file: Seekable, options: DecodeOptions, check: Check = no_check) -> Iterator[OpenAudio]:
        if file.seek(0, io.SEEK_END) > self._short_bytes:
            while not self.go.wait(0.01):
                check(Progress())
        with open_audio(file, options, check) as audio:
            yield audio


def test_a_small_file_with_long_sound_gives_the_kept_place_to_a_short_one(bench: Bench) -> None:
    held = Held(short_bytes=2 << 20)
    context = replace(bench.context, slicer=replace(SLICER, decode=held))
    handler = SlicerHandler(context, NoDecoders(), SLOTS, NoRevocations())
    large = [request(bench, "film.mp4", data=LARGE, offset=offset) for offset in range(SLOTS - 1)]
    long = request(bench, "en-two-minutes.flac", offset=10)
    assert begun(list(handler.handle([*large, long]))) == [0, 1, 10]
    steps = until_settled(handler, [request(bench, "en-command.wav", offset=11)])
    assert {step.settles.offset for step in steps if step.settles} == {11}
    held.go.set()
    steps = until_settled(handler, [request(bench, "en-command.wav", offset=12 + n) for n in range(3)])
    settled = {step.settles.offset for step in steps if step.settles}
    while settled < {0, 1, 10, 12, 13, 14}:
        settled |= {step.settles.offset for step in handler.handle([]) if step.settles}
    handler.close()


def test_of_two_files_that_a_process_died_with_one_is_decoded_at_a_time(bench: Bench) -> None:
    held = Held(short_bytes=0)
    handler = SlicerHandler(replace(bench.context, slicer=replace(SLICER, decode=held)), NoDecoders(), SLOTS, NoRevocations())
    suspects = [request(bench, "en-command.wav", offset=offset, attempts=1) for offset in range(2)]
    fresh = request(bench, "en-command.wav", offset=2)
    assert begun(list(handler.handle([*suspects, fresh]))) == [0, 2]
    held.go.set()
    assert begun(until_settled(handler, [request(bench, "en-command.wav", offset=3)]))[:1] == [3]
    handler.close()


def test_attempts_of_an_earlier_process_count_where_the_broker_has_not_kept_them(bench: Bench, tmp_path: Path) -> None:
    folder, record = tmp_path / "decoding", request(bench)
    for _ in range(3):
        Attempts(folder).begin(record.event.work.slice_id)
    handler = SlicerHandler(replace(bench.context, attempts=Attempts(folder)), NoDecoders(), SLOTS, NoRevocations())
    (step,) = until_settled(handler, [record])
    assert step.begins == ()
    handler.close()


def test_a_waiting_file_begins_when_a_place_is_free(handler: SlicerHandler, bench: Bench) -> None:
    records = [request(bench, "en-command.wav", offset=offset) for offset in range(SLOTS + 4)]
    assert begun(until_settled(handler, records)) == list(range(SLOTS + 4))


def test_a_waiting_file_that_nobody_wants_any_more_needs_no_place(bench: Bench) -> None:
    held = Held(short_bytes=0)
    handler = SlicerHandler(replace(bench.context, slicer=replace(SLICER, decode=held)), NoDecoders(), SLOTS, NoRevocations())
    running = [request(bench, "en-command.wav", offset=offset) for offset in range(SLOTS)]
    waiting = request(bench, "en-command.wav", offset=SLOTS)
    assert begun(list(handler.handle([*running, waiting]))) == list(range(SLOTS))
    bench.revoked.add((waiting.event.work.work_id, waiting.event.run))
    assert [step.settles for step in handler.handle([])] == [waiting]
    held.go.set()
    handler.close()


def test_there_is_no_room_when_enough_is_in_flight(handler: SlicerHandler, bench: Bench) -> None:
    assert handler.room("decodes") == SLOTS + WAITING_MAX
    list(handler.handle([request(bench, "en-command.wav", offset=offset) for offset in range(SLOTS + WAITING_MAX)]))
    assert handler.room("decodes") == 0


def test_files_of_a_revoked_partition_are_stopped(handler: SlicerHandler, bench: Bench) -> None:
    gone = [request(bench, "en-command.wav", offset=offset, partition=1) for offset in range(SLOTS + 1)]
    list(handler.handle(gone))
    handler.on_revoke([Partition("decodes", 1)])
    kept = request(bench, "pt-command.wav", offset=50)
    steps = until_settled(handler, [kept])
    assert handler.room("decodes") == SLOTS + WAITING_MAX
    assert {step.settles.offset for step in steps if step.settles} == {50}
    assert begun(steps) == [50]


def repeat(record: Received[DecodeRequested], **changes: object) -> Received[DecodeRequested]:
    """The same request, once more on the topic."""
    partition = Partition("decodes", record.partition.number + 1)
    event = record.event.model_copy(update=changes)
    return replace(record, partition=partition, offset=record.offset + 100, event=event)


def test_a_repeat_of_what_is_in_flight_is_settled_after_it_and_not_cut(handler: SlicerHandler, bench: Bench) -> None:
    record = request(bench, "en-command.wav")
    again = repeat(record)
    steps = until_settled(handler, [record, again, repeat(again)])
    assert begun(steps) == [0]
    ends = [step.settles for step in steps if step.settles]
    assert ends == [record, again, repeat(again)]


def test_audio_that_two_models_want_at_once_is_decoded_once(handler: SlicerHandler, bench: Bench) -> None:
    before = REGISTRY.get_sample_value("murmur_files_found_sliced_total") or 0.0
    first, second = (bench.request("en-command.wav", offset=offset) for offset in (0, 1))
    other = second.event.work.model_copy(update={"work_id": "c" * 64, "model": ModelRef(name="other", revision="r1")})
    second = replace(second, event=second.event.model_copy(update={"work": other}))
    steps = until_settled(handler, [first, second])
    assert REGISTRY.get_sample_value("murmur_files_found_sliced_total") == before + 1
    assert [step.settles.offset for step in steps if step.settles] == [0, 1]


def test_a_repeat_of_what_was_done_is_settled_and_not_cut(handler: SlicerHandler, bench: Bench) -> None:
    record = request(bench, "en-command.wav")
    until_settled(handler, [record])
    late = repeat(record)
    assert list(handler.handle([late])) == [Step(settles=late)]


def test_a_repeat_is_cut_when_the_first_went_to_another_slicer(handler: SlicerHandler, bench: Bench) -> None:
    record = request(bench, "en-two-minutes.flac")
    assert begun(list(handler.handle([record, repeat(record)]))) == [0]
    handler.on_revoke([record.partition])
    assert begun(list(handler.handle([]))) == [100]


@pytest.mark.parametrize("changes", [{"attempt": 1}, {"run": "0-9"}])
def test_a_file_that_is_requested_again_on_purpose_is_cut_again(
    handler: SlicerHandler, bench: Bench, changes: dict[str, object]
) -> None:
    record = request(bench, "en-command.wav")
    assert begun(until_settled(handler, [record, repeat(record, **changes)])) == [0, 100]


def test_a_repeat_of_what_killed_three_workers_is_not_begun(handler: SlicerHandler, bench: Bench) -> None:
    record = request(bench, attempts=3)
    assert begun(until_settled(handler, [record, replace(repeat(record), attempts=0)])) == []


def test_a_bug_in_a_thread_ends_the_stage(bench: Bench) -> None:
    loop = threading.current_thread()

    def broken(_work_id: str, _run: str) -> bool:
        if threading.current_thread() is not loop:
            raise RuntimeError("a bug")
        return False

    handler = SlicerHandler(replace(bench.context, is_revoked=broken), NoDecoders(), SLOTS, NoRevocations())
    with pytest.raises(RuntimeError, match="a bug"):
        until_settled(handler, [request(bench)])
    handler.close()


def test_closing_stops_the_threads_and_the_follower_and_may_be_repeated(bench: Bench) -> None:
    follower = NoRevocations()
    others = set(threading.enumerate())  # a whole system of another test may be running in this process
    handler = SlicerHandler(bench.context, NoDecoders(), SLOTS, follower)
    handler.on_assign([Partition("decodes", 0)])
    handler.on_assign([Partition("decodes", 1)])
    list(handler.handle([request(bench, "en-two-minutes.flac", offset=offset) for offset in range(SLOTS)]))
    handler.close()
    handler.close()
    assert follower.calls[:2] == ["start", "stop"]
    assert not [thread.name for thread in threading.enumerate() if thread not in others and thread.name.startswith("slicer_")]
