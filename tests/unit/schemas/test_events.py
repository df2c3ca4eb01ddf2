"""Ids of events are derived from what they say: a repeat has the same id, another event has another."""

from uuid import UUID

import pytest

from schemas import codec
from schemas.deadletter import DeadLetter
from schemas.options import DecodingOptions, ModelRef
from schemas.record import ObjectRef
from schemas.work import ChunkLost, ChunkReady, ChunkTranscribed, RunRevoked, WorkProgressed, WorkReported, speech_s
from tests.letters import DIED_AT, dead_letter

WORK_ID, SLICE_ID = "ab" * 32, "cd" * 32
JOB_ID = UUID("00000000-0000-4000-8000-000000000001")


def chunk(**changed: object) -> ChunkReady:
    fields = {
        "work_id": WORK_ID,
        "run": "3-14",
        "slice_id": SLICE_ID,
        "span": (0, 32_000),
        "pieces": ((0, 8_000), (16_000, 32_000)),
        "audio": ObjectRef(bucket="work", key="chunks/x"),
        "model": ModelRef(name="demo", revision="1"),
        "decoding": DecodingOptions(),
        "lane": "bulk",
    }
    return ChunkReady.model_validate({**fields, **changed})


def transcribed(attempt: int) -> ChunkTranscribed:
    return ChunkTranscribed(
        span=(0, 32_000), attempt=attempt, speech_s=1.5, language="en", language_probability=1, segments=(), inference_s=0
    )


def test_the_same_chunk_has_the_same_id_in_either_lane() -> None:
    assert chunk().event_id == chunk(lane="interactive").event_id


@pytest.mark.parametrize("changed", [{"run": "3-15"}, {"span": (0, 32_001)}, {"attempt": 1}, {"work_id": "ef" * 32}])
def test_another_chunk_has_another_id(changed: dict[str, object]) -> None:
    assert chunk(**changed).event_id != chunk().event_id


def test_a_chunk_is_identified_by_how_the_file_was_cut_and_not_by_the_job() -> None:
    assert chunk(work_id="ef" * 32, run="0-0").chunk_id == chunk().chunk_id == f"{SLICE_ID}/0-32000"


def test_speech_is_counted_without_the_silence_between_the_pieces() -> None:
    assert chunk().speech_s == 1.5
    assert speech_s(()) == 0.0


def test_the_two_attempts_at_a_chunk_are_two_events() -> None:
    first, second = (WorkReported(work_id=WORK_ID, run="0-1", event=transcribed(attempt)) for attempt in (0, 1))
    assert first.event_id != second.event_id


def test_a_chunk_lost_is_not_the_chunk_transcribed() -> None:
    lost = WorkReported(work_id=WORK_ID, run="0-1", event=ChunkLost(span=(0, 32_000)))
    assert lost.event_id != WorkReported(work_id=WORK_ID, run="0-1", event=transcribed(0)).event_id


def test_events_of_a_work_are_about_the_work() -> None:
    progress = WorkProgressed(work_id=WORK_ID, run="0-1", span=(0, 1), share=1, segments=())
    revoked = RunRevoked(work_id=WORK_ID, run="0-1")
    assert {progress.subject, revoked.subject, chunk().subject} == {WORK_ID}
    assert len({progress.event_id, revoked.event_id}) == 2


def test_letters_of_the_same_offset_differ_by_the_start_of_a_broker_that_counts_from_zero_again() -> None:
    assert dead_letter(12).subject == "uploads-0@12"
    assert dead_letter(12, epoch="1f2e").subject == "uploads-0@12~1f2e"
    letters = [dead_letter(12), *(dead_letter(12, epoch=epoch) for epoch in ("1f2e", "2f2e"))]
    marks = [dead.settle("dropped", DIED_AT) for dead in letters]
    assert len({dead.event_id for dead in (*letters, *marks)}) == 6
    assert [mark.subject for mark in marks] == [dead.subject for dead in letters]


def test_a_letter_of_an_earlier_release_keeps_the_id_that_is_its_key() -> None:
    earlier = codec.encode(dead_letter(12))
    assert b'"id"' not in earlier
    assert codec.decode(DeadLetter, earlier).subject == "uploads-0@12"


def test_a_dead_letter_keeps_the_exact_bytes_and_distinguishes_none_from_empty() -> None:
    for raw in (None, b"", b"\x00\xff not json"):
        assert DeadLetter.unwrap(DeadLetter.wrap(raw)) == raw
