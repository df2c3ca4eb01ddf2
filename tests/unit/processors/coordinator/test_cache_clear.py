"""After a clearing of the cache no earlier transcript answers a request; jobs that have one keep it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processors.coordinator.entries import CHANGELOGS, Change
from processors.coordinator.tables import Tables
from schemas.cache import CLEARED, CacheCleared, CacheEntry
from schemas.record import ObjectRef
from schemas.transcript import TranscriptCompleted
from schemas.work import DecodeRequested, WorkReported
from tests.unit.processors.coordinator.test_decide import SPANS, closed, only, requested, states, text, work
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
    before = stage.coordinator._tables[0].cache.cleared_at
    stage.see(CacheCleared(at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert stage.coordinator._tables[0].cache.cleared_at == before


def test_missing_result_files_are_written_again_from_the_cleared_transcript(stage: Stage) -> None:
    stage.see(cleared())
    outputs = stage.see(requested("one", rewrite=True, result=ObjectRef(bucket="work", key="results/x.json")))
    assert len(only(TranscriptCompleted, outputs)) == 1


def test_kept_results_of_chunks_are_deleted_except_of_works_in_progress(stage: Stage) -> None:
    stage.see(cleared())
    stage.see(requested("three"))
    stage.coordinator.chunk_results.make(work().work_id)
    other = stage.folder.with_name("d" * 64)
    other.mkdir()
    stage.see(cleared())
    assert stage.folder.is_dir()
    assert not other.exists()


def test_the_time_of_the_clearing_outlives_the_coordinator() -> None:
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    tables = Tables()
    raw = Change("cache", CLEARED, CacheEntry(now)).output(0).value
    assert isinstance(raw, bytes)
    tables.apply(Change.read(CHANGELOGS["cache"].name, CLEARED.encode(), raw))
    assert (tables.cache.cleared_at, list(tables.cache)) == (now, [])


def test_one_work_is_cleared_and_the_other_still_answers(stage: Stage) -> None:
    other = work("e")
    (decode,) = only(DecodeRequested, stage.see(requested("other", other)))
    for event in (CHUNK, text(SPANS[0], "Other.")):
        stage.see(WorkReported(work_id=other.work_id, run=decode.run, event=event))
    stage.see(CacheCleared(at=datetime.now(UTC), work_id=work().work_id))
    assert only(DecodeRequested, stage.see(requested("three")))
    assert states(stage.see(requested("other again", other))) == [("SUCCESS", True)]


def test_a_work_that_was_finished_after_it_was_cleared_stays(stage: Stage) -> None:
    stage.see(CacheCleared(at=datetime.now(UTC) - timedelta(hours=1), work_id=work().work_id))
    assert states(stage.see(requested("three"))) == [("SUCCESS", True)]


def test_the_clearing_of_a_work_that_is_not_there_changes_nothing(stage: Stage) -> None:
    assert stage.see(CacheCleared(at=datetime.now(UTC), work_id="f" * 64)) == []
