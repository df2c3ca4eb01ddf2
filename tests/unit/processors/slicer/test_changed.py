"""A file that is changed while it is read: what was read of it never completes the work that names its earlier content."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from processors.slicer.slots import Slots
from processors.slicer.worker import FileWork
from runtime.kafka.messages import Received, Step
from runtime.objects.keys import slice_index_key
from schemas.work import DecodeRequested, SliceClosed, SliceOpened, WorkEvent, WorkFailed, WorkReported
from tests.unit.processors.slicer.bench import AUDIO, Bench

CLIP, OTHER = "en-parallel.flac", "pt-parallel.flac"
Change = Callable[[Path], None]


def run(bench: Bench, record: Received[DecodeRequested], change: Change | None = None) -> list[WorkEvent]:
    """What is reported; `change` is made once after the file has opened."""
    path = bench.root / record.event.work.audio.bucket / record.event.work.audio.key
    events: list[WorkEvent] = []
    changes = [change] if change else []

    def emit(_: FileWork, step: Step | Exception | None) -> None:
        assert isinstance(step, Step), step
        events.extend(output.value.event for output in step.outputs if isinstance(output.value, WorkReported))
        if changes:
            changes.pop()(path)

    FileWork(record, bench.context, Slots(4), emit).run()
    assert changes == []
    return events


def request(bench: Bench, **more: str | None) -> Received[DecodeRequested]:
    """Named after its content, as gateway and intake do it."""
    record = bench.request(CLIP, **more)  # type: ignore[arg-type]
    audio_id = hashlib.sha256((AUDIO / CLIP).read_bytes()).hexdigest()
    work = record.event.work.model_copy(update={"audio_id": audio_id})
    return record.carrying(record.event.model_copy(update={"work": work}), checkpoint=record.checkpoint)


def copy_over(path: Path) -> None:
    shutil.copyfile(AUDIO / OTHER, path)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write((AUDIO / OTHER).read_bytes())


def swap_under_the_same_size_and_time(path: Path) -> None:
    found = path.stat()
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(len(content) // 2)
        file.write(content[: len(content) - len(content) // 2])
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (found.st_size, found.st_mtime_ns)


def end_up_as_it_was(path: Path) -> None:
    """Other bytes are there only while a part of the file is read."""
    path.rename(path.with_name("aside"))
    shutil.copyfile(path.with_name("aside"), path)


@pytest.mark.parametrize("change", [copy_over, truncate, append, swap_under_the_same_size_and_time])
def test_a_file_that_is_changed_while_it_is_read_fails_as_changed(bench: Bench, change: Change) -> None:
    opened, failed = run(bench, request(bench), change)
    assert isinstance(opened, SliceOpened)
    assert isinstance(failed, WorkFailed)
    assert failed.failure.reason == "content_changed"


@pytest.mark.parametrize("change", [copy_over, truncate, append, swap_under_the_same_size_and_time])
def test_a_file_that_was_changed_before_it_is_read_is_not_read(bench: Bench, change: Change) -> None:
    record = request(bench)
    change(bench.root / "uploads" / record.event.work.audio.key)
    (failed,) = run(bench, record)
    assert isinstance(failed, WorkFailed)
    assert failed.failure.reason == "content_changed"


def rename_over(path: Path) -> None:
    other = path.with_name("other")
    shutil.copyfile(AUDIO / OTHER, other)
    other.replace(path)


def permit(path: Path) -> None:
    path.chmod(0o640)


def link(path: Path) -> None:
    path.with_name("link").hardlink_to(path)


@pytest.mark.parametrize("change", [rename_over, permit, link, end_up_as_it_was, Path.unlink])
def test_a_file_whose_content_stays_is_sliced_to_its_end(bench: Bench, change: Change) -> None:
    """An opened file keeps its content when another one takes its name."""
    expected, found = run(bench, request(bench))[-1], run(bench, request(bench), change)[-1]
    assert isinstance(expected, SliceClosed)
    assert isinstance(found, SliceClosed)
    assert (found.audio_info, found.chunks) == (expected.audio_info, expected.chunks)


def test_a_changed_file_is_not_blamed_for_what_the_decoder_makes_of_it(bench: Bench) -> None:
    def spoil(path: Path) -> None:
        path.write_bytes(b"no audio at all")

    assert run(bench, request(bench))[-1].kind == "slice.closed"
    bench.store.delete("work", slice_index_key(request(bench).event.work.slice_id))  # else it would not be read again
    failed = run(bench, request(bench), spoil)[-1]
    assert isinstance(failed, WorkFailed)
    assert failed.failure.reason == "content_changed"


def test_bytes_that_differed_temporarily_are_detected(bench: Bench) -> None:
    """The content is right before and after; only what was read in between is not."""
    record = request(bench)
    path = bench.root / "uploads" / record.event.work.audio.key
    content = path.read_bytes()
    steps: list[Step] = []

    def emit(_: FileWork, step: Step | Exception | None) -> None:
        assert isinstance(step, Step), step
        steps.append(step)
        path.write_bytes(bytes(len(content)) if len(steps) % 2 else content)
        found = record.event.work.audio
        os.utime(path, ns=(0, int((found.etag or "").partition("-")[2], 16)))

    FileWork(record, bench.context, Slots(4), emit).run()
    (last,) = [output.value.event for output in steps[-1].outputs if isinstance(output.value, WorkReported)]
    assert isinstance(last, WorkFailed)
    assert last.failure.reason == "content_changed"


def interrupted(bench: Bench) -> Received[DecodeRequested]:
    """The record as it comes again after a crash: its first chunk was published."""
    record = request(bench)
    steps: list[Step] = []

    def emit(work: FileWork, step: Step | Exception | None) -> None:
        assert isinstance(step, Step), step
        steps.append(step)
        if step.checkpoints:
            work.stop()

    FileWork(record, bench.context, Slots(4), emit).run()
    ((_, checkpoint),) = steps[-1].checkpoints
    return record.carrying(record.event, checkpoint=checkpoint)


def test_a_file_that_is_only_permitted_to_others_between_two_attempts_is_sliced_to_its_end(bench: Bench) -> None:
    expected = run(bench, request(bench))[-1]
    record = interrupted(bench)
    permit(bench.root / "uploads" / record.event.work.audio.key)
    closed = run(bench, record)[-1]
    assert isinstance(closed, SliceClosed)
    assert isinstance(expected, SliceClosed)
    assert closed.chunks == expected.chunks


@pytest.mark.parametrize("meddle", [lambda path: path.write_bytes(bytes(64)), Path.unlink], ids=["other audio", "no audio"])
def test_what_an_earlier_attempt_published_must_be_of_the_content_that_is_there_now(bench: Bench, meddle: Change) -> None:
    record = interrupted(bench)
    permit(bench.root / "uploads" / record.event.work.audio.key)
    for chunk in (bench.root / "work" / "chunks").rglob("*-*"):
        if chunk.is_file():
            meddle(chunk)
    failed = run(bench, record)[-1]
    assert isinstance(failed, WorkFailed)
    assert failed.failure.reason == "content_changed"
