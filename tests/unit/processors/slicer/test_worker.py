"""One file's work, with the real decoder and a directory store."""

import hashlib
import shutil
import threading

import pytest

from processors.slicer.slots import Slots
from processors.slicer.worker import FileWork
from runtime.kafka.messages import Received, Step
from schemas.record import Lane
from schemas.work import ChunkReady, DecodeRequested, SliceClosed, SliceOpened, Span, WorkEvent, WorkFailed, WorkReported
from tests.unit.processors.slicer.bench import AUDIO, WORK_ID, Bench
from tests.waiting import DEADLINE_S


def steps_of(bench: Bench, record: Received[DecodeRequested]) -> list[Step]:
    """All steps of the work, run to its end in this thread."""
    emitted: list[Step | Exception | None] = []
    FileWork(record, bench.context, Slots(4), lambda _, step: emitted.append(step)).run()
    steps = [step for step in emitted if isinstance(step, Step)]
    assert steps == emitted
    return steps


def chunks(steps: list[Step]) -> list[ChunkReady]:
    return [output.value for step in steps for output in step.outputs if isinstance(output.value, ChunkReady)]


def spans(steps: list[Step]) -> list[Span]:
    return [ready.span for ready in chunks(steps)]


def events(steps: list[Step]) -> list[WorkEvent]:
    return [output.value.event for step in steps for output in step.outputs if isinstance(output.value, WorkReported)]


def failure(bench: Bench, record: Received[DecodeRequested]) -> str:
    (step,) = steps_of(bench, record)
    (event,) = events([step])
    assert isinstance(event, WorkFailed)
    assert step.settles is record
    return event.failure.reason


def test_a_file_opens_gives_its_chunks_and_closes_with_their_list(bench: Bench) -> None:
    record = bench.request()
    steps = steps_of(bench, record)
    opened, closed = events(steps)
    assert isinstance(opened, SliceOpened)
    assert isinstance(closed, SliceClosed)
    assert closed.audio_info.duration_s == pytest.approx(11.167, abs=0.01)
    assert [(chunk.span, chunk.pieces) for chunk in closed.chunks] == [(chunk.span, chunk.pieces) for chunk in chunks(steps)]
    assert len(closed.chunks) > 2
    assert [step.settles for step in steps] == [None] * (len(steps) - 1) + [record]


def test_a_chunks_audio_is_stored_before_its_record_is_emitted(bench: Bench) -> None:
    sizes: list[tuple[int, float]] = []

    def emit(_: FileWork, step: Step | Exception | None) -> None:
        assert isinstance(step, Step)
        for ready in chunks([step]):
            assert ready.audio.bucket == "work"
            assert ready.audio.key == f"chunks/{ready.slice_id}/{ready.run}/{ready.span[0]}-{ready.span[1]}"
            pcm = bench.store.get("work", ready.audio.key)
            assert ready.audio_sha256 == hashlib.sha256(pcm).hexdigest()
            sizes.append((len(pcm), ready.speech_s * 32_000))

    FileWork(bench.request(), bench.context, Slots(4), emit).run()
    assert sizes
    assert all(found == expected for found, expected in sizes)


def test_chunks_are_keyed_by_their_own_id_so_that_a_file_spreads(bench: Bench) -> None:
    outputs = [output for step in steps_of(bench, bench.request()) for output in step.outputs]
    keys = [output.key for output in outputs if isinstance(output.value, ChunkReady)]
    assert keys == [output.value.chunk_id for output in outputs if isinstance(output.value, ChunkReady)]
    assert {output.key for output in outputs if isinstance(output.value, WorkReported)} == {WORK_ID}


def test_a_worker_that_takes_over_continues_after_the_last_published_chunk(bench: Bench) -> None:
    steps = steps_of(bench, bench.request())
    checkpoints = [checkpoint for step in steps for _, checkpoint in step.checkpoints]
    shutil.rmtree(bench.root / "work")
    bench.store.create()

    again = steps_of(bench, bench.request(checkpoint=checkpoints[1]))

    assert spans(again) == spans(steps)[2:]
    assert [chunk.index for chunk in chunks(steps)] == [*range(len(spans(steps)))]
    assert [chunk.index for chunk in chunks(again)] == [*range(2, len(spans(steps)))]
    assert len([info for info in bench.store.list("work") if not info.key.endswith("index.json")]) == len(spans(steps)) - 2
    first, second = events(steps)[-1], events(again)[-1]
    assert isinstance(first, SliceClosed)
    assert isinstance(second, SliceClosed)
    assert (second.audio_info, second.chunks) == (first.audio_info, first.chunks)


def test_a_note_of_another_version_of_the_slicer_is_not_followed(bench: Bench) -> None:
    first = spans(steps_of(bench, bench.request()))
    assert spans(steps_of(bench, bench.request(checkpoint="0:999999999"))) == first
    assert spans(steps_of(bench, bench.request(checkpoint="nonsense"))) == first


def test_silence_closes_without_a_chunk(bench: Bench) -> None:
    steps = steps_of(bench, bench.request("silence.flac"))
    closed = events(steps)[-1]
    assert isinstance(closed, SliceClosed)
    assert closed.chunks == ()
    assert closed.audio_info.duration_s == 10


def reported_lanes(steps: list[Step]) -> list[Lane | None]:
    """When the file was opened, and at its end."""
    return [event.lane for event in events(steps) if isinstance(event, SliceOpened | SliceClosed)]


@pytest.mark.parametrize(
    ("requested", "clip", "expected"),
    [
        (None, "en-parallel.flac", "interactive"),  # 11 s
        (None, "en-two-minutes.flac", "bulk"),  # 2 minutes, though less than 2 MiB
        ("bulk", "en-command.wav", "bulk"),
        ("interactive", "en-two-minutes.flac", "interactive"),
    ],
)
def test_the_lane_is_the_requested_one_or_depends_on_the_length(
    bench: Bench, requested: Lane | None, clip: str, expected: str
) -> None:
    steps = steps_of(bench, bench.request(clip, lane=requested))
    assert {ready.lane for ready in chunks(steps)} == {expected}
    assert reported_lanes(steps) == [expected, expected]
    topics = {output.topic.name for step in steps for output in step.outputs if isinstance(output.value, ChunkReady)}
    assert topics == {f"chunks.{expected}"}


@pytest.mark.parametrize("declared_samples", [0, 16_000])  # FLAC: 0 is not known
def test_a_file_that_is_longer_than_declared_leaves_the_interactive_lane(bench: Bench, declared_samples: int) -> None:
    data = bytearray((AUDIO / "en-two-minutes.flac").read_bytes())
    data[22:26] = declared_samples.to_bytes(4, "big")
    steps = steps_of(bench, bench.request("long.flac", data=bytes(data)))
    lanes = {ready.span[0] > 30 * 16_000: ready.lane for ready in chunks(steps)}
    assert lanes == {False: "interactive", True: "bulk"}
    assert reported_lanes(steps) == ["interactive", "bulk"]


@pytest.mark.parametrize(("data", "expected"), [(b"", "empty"), (b"Dear Sir or Madam", "unsupported")])
def test_a_file_that_cannot_be_decoded_fails_with_the_decoders_reason(bench: Bench, data: bytes, expected: str) -> None:
    assert failure(bench, bench.request("letter.mp3", data=data)) == expected


def test_a_drop_that_is_too_large_fails_without_being_read(bench: Bench) -> None:
    record = bench.request()
    bench.max_bytes = 1000
    shutil.rmtree(bench.root / "uploads")
    assert failure(bench, record) == "too_large"


def test_missing_audio_is_a_failure_of_the_work(bench: Bench) -> None:
    record = bench.request()
    shutil.rmtree(bench.root / "uploads" / "0")
    assert failure(bench, record) == "audio_gone"


def test_a_revoked_run_is_settled_without_a_word(bench: Bench) -> None:
    record = bench.request()
    bench.revoked.add((WORK_ID, "0-0"))
    assert steps_of(bench, record) == [Step(settles=record)]


def test_a_run_that_is_revoked_on_the_way_stops_at_its_next_block(bench: Bench) -> None:
    record = bench.request("en-two-minutes.flac")
    emitted: list[Step | Exception | None] = []

    def emit(_: FileWork, step: Step | Exception | None) -> None:
        emitted.append(step)
        bench.revoked.add((WORK_ID, "0-0"))

    FileWork(record, bench.context, Slots(4), emit).run()
    assert emitted[-1] == Step(settles=record)
    assert len(emitted) < 4


def test_a_store_outage_during_a_file_loses_nothing(bench: Bench) -> None:
    expected = spans(steps_of(bench, bench.request()))
    record = bench.request()
    emitted: list[Step | Exception | None] = []
    away = threading.Event()

    def emit(_: FileWork, step: Step | Exception | None) -> None:
        emitted.append(step)
        if len(emitted) == 3:  # opened, two chunks
            (bench.root / "work").rename(bench.root / "elsewhere")
            away.set()

    thread = threading.Thread(target=FileWork(record, bench.context, Slots(4), emit).run)
    thread.start()
    assert away.wait(DEADLINE_S)
    (bench.root / "elsewhere").rename(bench.root / "work")
    thread.join(DEADLINE_S)

    steps = [step for step in emitted if isinstance(step, Step)]
    assert spans(steps) == expected
    assert [type(event) for event in events(steps)] == [SliceOpened, SliceClosed]


def test_a_stopped_work_ends_without_settling_even_while_the_store_is_unavailable(bench: Bench) -> None:
    record = bench.request()
    (bench.root / "uploads").rename(bench.root / "elsewhere")
    emitted: list[Step | Exception | None] = []
    work = FileWork(record, bench.context, Slots(4), lambda _, step: emitted.append(step))
    thread = threading.Thread(target=work.run)
    thread.start()
    work.stop()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert emitted == []
