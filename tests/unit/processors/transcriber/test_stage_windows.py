"""Chunks of several windows at the transcriber: each window joins a batch; the chunk is begun once and answered once."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.typing import EventDict

from processors.transcriber.engine import Window, WindowText
from runtime.errors import Invalid
from schemas.options import DecodingOptions
from schemas.segment import RemovedSegment, Segment
from tests.unit.processors.transcriber.bench import StandIn, System, text


def sizes(batch: Sequence[Window]) -> list[int]:
    """In seconds, of the windows of a batch."""
    return [len(window.samples) // 16_000 for window in batch]


class Seen(StandIn):
    """Remembers the windows of every batch. Like any stand-in it reads one second of a window at a time."""

    def __init__(self, replicas: int = 1, batch_size: int = 1) -> None:
        super().__init__(replicas, batch_size)
        self.windows: list[list[Window]] = []

    def transcribe(self, batch: Sequence[Window]) -> list[WindowText]:
        self.windows.append(list(batch))
        return super().transcribe(batch)

    @property
    def seconds(self) -> list[list[int]]:
        return [sizes(batch) for batch in self.windows]


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Seen:
    return Seen(*getattr(request, "param", ()))


@pytest.fixture
def system(tmp_path: Path, seen: Seen) -> Iterator[System]:
    made = System(tmp_path, seen)
    seen.gate.set()
    yield made.start()
    seen.gate.set()
    made.handler.close()


def test_a_chunk_of_two_windows_is_begun_once_and_answered_once(system: System, seen: Seen) -> None:
    record = system.chunk(seconds=2)
    system.turn(record)
    system.until(system.settled, "the chunk")
    assert seen.seconds == [[2], [1]]
    assert [window.options.language for (window,) in seen.windows] == [None, "en"]
    assert system.begun() == system.settled() == [record]
    (answer,) = system.answers()
    assert [each.text for each in answer.segments] == ["32000 samples", "16000 samples"]
    assert [(each.start, each.end) for each in answer.segments] == [(1, 2), (2, 3)]
    assert answer.inference_s == 0.02


@pytest.mark.parametrize("seen", [(1, 2)], indirect=True)
def test_a_second_window_joins_a_batch_with_the_window_of_another_chunk(system: System, seen: Seen) -> None:
    seen.gate.clear()
    system.turn(long := system.chunk(seconds=2))
    system.until(system.begun, "the first window")
    system.turn(short := system.chunk())
    system.until(lambda: all(held.window for held in system.handler._held.values()), "the audio of the other")
    seen.gate.set()
    system.until(lambda: len(system.settled()) == 2, "both")
    assert seen.seconds == [[2], [1, 1]]
    assert system.begun() == [long, short]
    assert system.kinds() == ["chunk.transcribed"] * 2


def test_a_chunk_that_waits_for_its_second_window_keeps_its_place_in_flight(system: System, seen: Seen) -> None:
    rooms: list[int] = []

    def looked(batch: Sequence[Window]) -> None:
        rooms.append(system.handler.room("chunks.bulk"))

    seen.wrong = looked
    system.turn(system.chunk(seconds=2))
    system.until(system.settled, "the chunk")
    assert rooms == [1, 1]
    assert system.handler.room("chunks.bulk") == 2


def test_a_run_that_is_revoked_between_two_windows_is_settled_without_an_answer(system: System, seen: Seen) -> None:
    seen.wrong = lambda batch: system.revoked.runs.add(("a" * 64, "0-1"))
    record = system.chunk(seconds=3)
    system.turn(record)
    system.until(system.settled, "the chunk")
    assert seen.seconds == [[3]]
    assert system.begun() == system.settled() == [record]
    assert system.answers() == []


@pytest.mark.parametrize("seen", [(2, 4)], indirect=True)
def test_a_suspect_of_two_windows_stays_alone_for_both(system: System, seen: Seen) -> None:
    suspect = system.chunk(seconds=2, attempts=1)
    system.turn(suspect, *[system.chunk("interactive") for _ in range(3)])
    system.until(lambda: len(system.settled()) == 4, "all")
    assert seen.seconds[:2] == [[2], [1]]
    assert system.begun()[0] is suspect
    assert system.settled()[0] is suspect


def test_a_later_window_that_is_invalid_fails_the_work_with_one_answer(system: System, seen: Seen) -> None:
    def refuse(batch: Sequence[Window]) -> None:
        if sizes(batch) == [1]:
            raise Invalid("corrupt_audio", "not that one")

    seen.wrong = refuse
    record = system.chunk(seconds=2)
    system.turn(record)
    system.until(system.settled, "the chunk")
    assert system.kinds() == ["work.failed"]
    assert system.settled() == [record]


def first_second_only(seconds: int) -> Callable[[Sequence[Window]], list[WindowText]]:
    """Reads a second of a window of so many, and nothing of any other."""

    def write(batch: Sequence[Window]) -> list[WindowText]:
        silence = WindowText("en", 0.9, at_rest=True)
        return [text("hello") if len(window.samples) == seconds * 16_000 else silence for window in batch]

    return write


def test_speech_without_text_is_a_warning_in_the_time_of_the_file(system: System, seen: Seen, logged: list[EventDict]) -> None:
    seen.wrong = first_second_only(5)
    pieces = ((160_000, 192_000), (320_000, 368_000))  # 10 to 12 s and 20 to 23 s
    system.turn(system.chunk(seconds=5, pieces=pieces, speech=pieces))
    system.until(system.settled, "the chunk")
    (answer,) = system.answers()
    assert [(each.start, each.end) for each in answer.segments] == [(10, 11.0)]
    assert [(warning.code, warning.start, warning.end) for warning in answer.warnings] == [("no_text", 11, 23)]
    line = {"work_id": "a" * 64, "chunk_id": f"{'b' * 64}/16000-96000", "start_s": 11.0, "end_s": 23.0}
    assert [line for line in logged if line["event"] == "speech.unread"] == [
        {"event": "speech.unread", "log_level": "debug", **line}
    ]


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"murmur_{name}_total", labels) or 0.0


def test_seconds_of_speech_without_text_are_counted(system: System, seen: Seen) -> None:
    before = counted("unread_speech_seconds")
    seen.wrong = first_second_only(5)
    system.turn(system.chunk(seconds=5))
    system.until(system.settled, "the chunk")
    assert counted("unread_speech_seconds") - before == 4


def test_a_chunk_that_is_read_to_its_end_has_no_warning_and_counts_nothing(system: System) -> None:
    before = counted("unread_speech_seconds"), counted("windows_refitted")
    system.turn(system.chunk(seconds=3))
    system.until(system.settled, "the chunk")
    (answer,) = system.answers()
    assert answer.warnings == ()
    assert (counted("unread_speech_seconds"), counted("windows_refitted")) == before


def test_windows_that_are_decoded_again_in_full_are_counted(system: System, seen: Seen) -> None:
    before = counted("windows_refitted")

    def runaway(batch: Sequence[Window]) -> list[WindowText] | None:
        wild = WindowText("en", 0.9, (Segment(start=0, end=1, text="x x x"),), read_to_s=1.0, runaway=True)
        return [wild] if batch[0].options.encoder_window == "fit" else None

    seen.wrong = runaway
    system.turn(system.chunk(decoding=DecodingOptions(encoder_window="fit")))
    system.until(system.settled, "the chunk")
    assert [window.options.encoder_window for (window,) in seen.windows] == ["fit", "full"]
    assert counted("windows_refitted") - before == 1
    assert [each.text for each in system.answers()[0].segments] == ["16000 samples"]


def test_what_is_removed_is_in_the_answer_with_its_time_in_the_file_and_counted(system: System, seen: Seen) -> None:
    before = counted("segments_removed", reason="letters")
    seen.wrong = lambda batch: [WindowText("en", 0.9, (Segment(start=0, end=1, text="..."),), read_to_s=1.0, at_rest=True)]
    pieces = ((160_000, 176_000),)
    system.turn(system.chunk(pieces=pieces, speech=pieces))
    system.until(system.settled, "the chunk")
    (answer,) = system.answers()
    assert answer.segments == ()
    assert answer.removed == (RemovedSegment(start=10, end=11, text="...", reason="letters"),)
    assert counted("segments_removed", reason="letters") - before == 1
