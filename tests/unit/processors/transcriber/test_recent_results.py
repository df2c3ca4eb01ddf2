"""What was answered lately: which requests are the same, and what is not remembered."""

from typing import Any

import pytest

from processors.transcriber.recent_results import RecentResults, request_id
from schemas.options import DecodingOptions, ModelRef
from schemas.record import ObjectRef
from schemas.work import ChunkLost, WorkEvent, WorkReported
from tests.unit.processors.transcriber.chunks import CHUNK, RESULT

ANOTHER: dict[str, object] = {
    "work_id": "c" * 64,
    "run": "0-2",
    "span": (0, 8_000),
    "pieces": ((0, 8_000),),
    "attempt": 1,
    "decoding": DecodingOptions(language="de"),
    "model": ModelRef(name="demo", revision="2"),
}


def answered(event: WorkEvent) -> WorkReported:
    return WorkReported(work_id="a" * 64, run="0-1", event=event)


def same(**changes: Any) -> bool:
    return request_id(CHUNK.model_copy(update=changes)) == request_id(CHUNK)


@pytest.mark.parametrize("field", ANOTHER)
def test_options_that_change_the_text_are_another_request(field: str) -> None:
    assert not same(**{field: ANOTHER[field]})


def test_a_repeat_may_come_by_another_lane_and_from_another_copy_of_the_audio() -> None:
    assert same(lane="interactive", audio=ObjectRef(bucket="work", key="chunks/1", version_id="2", etag="e", size_bytes=9))


def test_an_answer_is_given_again_as_it_was() -> None:
    recent = RecentResults()
    assert recent.answer(b"one") is None
    recent.remember(b"one", answered(RESULT))
    assert recent.answer(b"one") == RESULT


def test_lost_audio_is_not_a_recent_result_since_it_may_come_back() -> None:
    recent = RecentResults()
    recent.remember(b"one", answered(ChunkLost(span=(0, 16_000))))
    assert recent.answer(b"one") is None


def test_the_oldest_result_is_dropped_first_and_a_repeated_one_counts_as_new() -> None:
    recent = RecentResults(2)
    for request in (b"one", b"two", b"one", b"three"):
        recent.remember(request, answered(RESULT))
    assert [request for request in (b"one", b"two", b"three") if recent.answer(request)] == [b"one", b"three"]
