"""After a clearing of the cache no earlier transcript answers a request; jobs that have one keep it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processors.coordinator.entries import CHANGELOGS, CLEARED, CacheEntry, Change
from processors.coordinator.tables import Tables
from schemas.cache import CacheCleared
from schemas.record import ObjectRef
from schemas.transcript import TranscriptCompleted
from schemas.work import DecodeRequested
from tests.unit.processors.coordinator.test_decide import SPANS, closed, only, requested, states, text
from tests.unit.processors.coordinator.test_no_cache import Stage

CHUNK = closed(SPANS[:1])


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """With one finished work."""
    stage = Stage(tmp_path)
    finish(stage, "one", "Hello.")
    assert states(stage.see(requested("two"))) == [("SUCCESS", True)]
    return stage


def finish(stage: Stage, name: str, words: str) -> None:
    (decode,) = only(DecodeRequested, stage.see(requested(name)))
    stage.report(CHUNK, decode.run)
    assert states(stage.report(text(SPANS[0], words), decode.run)) == [("SUCCESS", False)]


def cleared() -> CacheCleared:
    return CacheCleared(at=datetime.now(UTC))


def test_a_request_after_the_clearing_begins_a_new_run_whose_transcript_answers_the_next(stage: Stage) -> None:
    stage.see(cleared())
    finish(stage, "three", "Again.")
    assert states(stage.see(requested("four"))) == [("SUCCESS", True)]


def test_a_transcript_that_the_request_names_is_no_answer_either(stage: Stage) -> None:
    stage.see(cleared())
    result = ObjectRef(bucket="work", key="results/x.json")
    assert only(DecodeRequested, stage.see(requested("three", result=result)))


def test_a_clearing_that_only_the_gateway_has_read_of_counts_too(stage: Stage) -> None:
    now = datetime.now(UTC)
    assert only(DecodeRequested, stage.see(requested("three", cache_cleared_at=now)))


def test_an_earlier_clearing_that_arrives_late_changes_nothing(stage: Stage) -> None:
    stage.see(cleared())
    before = stage.coordinator._tables[0].cleared_at
    stage.see(CacheCleared(at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert stage.coordinator._tables[0].cleared_at == before


def test_missing_result_files_are_written_again_from_the_cleared_transcript(stage: Stage) -> None:
    stage.see(cleared())
    outputs = stage.see(requested("one", rewrite=True, result=ObjectRef(bucket="work", key="results/x.json")))
    assert len(only(TranscriptCompleted, outputs)) == 1


def test_kept_results_of_chunks_are_deleted_except_of_works_in_progress(stage: Stage) -> None:
    stage.see(cleared())
    stage.see(requested("three"))
    other = stage.folder.with_name("d" * 64)
    other.mkdir()
    stage.see(cleared())
    assert stage.folder.is_dir()
    assert not other.exists()


def test_the_time_of_the_clearing_outlives_the_coordinator() -> None:
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    tables = Tables()
    raw = Change("cache", CLEARED, CacheEntry(transcript=None, finished_at=now)).output(0).value
    assert isinstance(raw, bytes)
    tables.apply(Change.read(CHANGELOGS["cache"].name, CLEARED.encode(), raw))
    assert (tables.cleared_at, list(tables.cache)) == (now, [])


def test_cleared_entries_expire_and_later_ones_stay() -> None:
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    tables = Tables()
    for place, name in enumerate("abc"):
        tables.apply(Change("cache", name, CacheEntry(transcript=None, finished_at=now + timedelta(seconds=place))))
    tables.apply(Change("cache", CLEARED, CacheEntry(transcript=None, finished_at=now + timedelta(seconds=1))))
    assert [change.key for change in tables.expired(100)] == ["a", "b"]
