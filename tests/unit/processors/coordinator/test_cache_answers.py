"""What the coordinator answers from its cache: only what the table has, whatever is in the store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processors.coordinator.cache_policy import CachePolicy
from processors.coordinator.cache_upkeep import CacheUpkeep
from runtime.kafka.messages import Output, Partition, Received
from schemas.cache import CacheEntry
from schemas.jobs import JobChanged, JobRequested
from schemas.record import Failure, ObjectRef
from schemas.topics import CACHE_CHANGELOG
from schemas.transcript import TranscriptCompleted
from schemas.work import DecodeRequested, WorkFailed
from tests.unit.processors.coordinator.test_decide import only, requested, states, work
from tests.unit.processors.coordinator.test_no_cache import Stage

NO_AUDIO = Failure(reason="no_audio", message="a picture")
SLOW = Failure(reason="too_slow", message="decoding stopped")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """With one finished work."""
    stage = Stage(tmp_path)
    stage.see(requested("one"))
    assert states(stage.transcribe("0-0", "Hello.")) == [("SUCCESS", False)]
    return stage


def set_policy(stage: Stage, policy: CachePolicy) -> None:
    stage.coordinator._cache = CacheUpkeep(policy)


def idle(stage: Stage) -> list[Output]:
    """What a turn without events writes, of those that look for something."""
    stage.coordinator._idle_until_s = 0.0
    return [output for step in stage.coordinator.handle([]) for output in step.outputs]


def cached(stage: Stage) -> CacheEntry | None:
    return stage.coordinator._tables[0].cache.get(work().work_id)


def entries(outputs: list[Output]) -> list[CacheEntry | None]:
    values = [output.value for output in outputs if output.topic is CACHE_CHANGELOG]
    return [CacheEntry.read(value) if isinstance(value, bytes) else None for value in values]


def test_an_entry_has_size_length_and_language_of_its_transcript(stage: Stage) -> None:
    entry, stored = cached(stage), stage.transcripts.find(work().work_id)
    assert entry is not None
    assert stored is not None
    assert (entry.size_bytes, entry.duration_s, entry.language, entry.hits) == (stored.size_bytes, 4.0, "en", 0)


def test_what_was_evicted_is_not_answered_from_the_store_even_if_the_request_names_it(stage: Stage) -> None:
    stage.coordinator._tables[0].cache.remove(work().work_id)
    stored = stage.transcripts.find(work().work_id)
    assert stored is not None
    assert only(DecodeRequested, stage.see(requested("two", result=stored)))


def test_an_idle_turn_removes_what_has_expired_and_the_next_request_is_transcribed(stage: Stage) -> None:
    assert idle(stage) == []
    set_policy(stage, CachePolicy(ttl_s=1e-6))
    (removed,) = idle(stage)
    assert (removed.topic, removed.key, removed.value, removed.partition) == (CACHE_CHANGELOG, work().work_id, None, 0)
    assert cached(stage) is None
    set_policy(stage, CachePolicy())
    assert only(DecodeRequested, stage.see(requested("two")))


def test_an_entry_that_was_used_several_times_in_one_turn_is_written_once(stage: Stage) -> None:
    records = [Received(Partition("requests", 0), 10 + n, None, b"", event=requested(str(n))) for n in range(5)]
    outputs = [output for step in stage.coordinator.handle(records) for output in step.outputs]
    (written,) = entries(outputs)
    assert written is not None
    assert (written.hits, written.used_at is not None) == (5, True)
    assert len(only(TranscriptCompleted, [output.value for output in outputs])) == 5
    assert idle(stage) == []


def test_a_use_is_not_written_after_the_removal_of_its_entry(stage: Stage) -> None:
    set_policy(stage, CachePolicy(enabled=False))
    stage.coordinator._cache.used(0, stage.coordinator._tables[0], work().work_id, datetime.now(UTC))
    stage.coordinator._tables[0].cache.remove(work().work_id)
    assert idle(stage) == []


def test_a_transcript_that_was_deleted_from_the_store_is_made_again(stage: Stage) -> None:
    (stage.folder.parents[1] / "work" / "results" / f"{work().work_id}.json").unlink()
    assert only(DecodeRequested, stage.see(requested("two")))


def test_a_disabled_cache_keeps_nothing_and_requests_still_share_work_in_progress(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    set_policy(stage, CachePolicy(enabled=False))
    stage.see(requested("one"))
    stage.see(requested("two"))
    assert sorted(states(stage.transcribe("0-0", "Hello."))) == [("SUCCESS", False), ("SUCCESS", True)]
    assert cached(stage) is None
    assert only(DecodeRequested, stage.see(requested("three")))


def failing(folder: Path, failure: Failure) -> Stage:
    stage = Stage(folder)
    set_policy(stage, CachePolicy(failures_s=300))
    stage.see(requested("one"))
    stage.see(requested("two"))
    failed = stage.report(WorkFailed(failure=failure), "0-0")
    assert [job.error for job in only(JobChanged, failed)] == [failure] * 2, "one reason for all"
    return stage


def test_a_permanent_failure_answers_with_the_same_reason_until_a_request_demands_another_attempt(tmp_path: Path) -> None:
    stage = failing(tmp_path, NO_AUDIO)
    (job,) = only(JobChanged, stage.see(requested("three")))
    assert (job.state, job.error, job.cached) == ("FAILURE", NO_AUDIO, True)
    assert only(DecodeRequested, stage.see(requested("four", no_cache=True)))
    assert states(stage.see(requested("five"))) == [], "it joins the new attempt"


def test_a_failure_of_the_moment_is_not_kept(tmp_path: Path) -> None:
    stage = failing(tmp_path, SLOW)
    assert cached(stage) is None
    assert only(DecodeRequested, stage.see(requested("three")))


def test_a_failed_attempt_leaves_the_earlier_transcript(stage: Stage) -> None:
    set_policy(stage, CachePolicy(failures_s=300))
    (decode,) = only(DecodeRequested, stage.see(requested("two", no_cache=True)))
    stage.report(WorkFailed(failure=NO_AUDIO), decode.run)
    assert states(stage.see(requested("three"))) == [("SUCCESS", True)]


def test_a_repeated_record_of_an_ended_job_neither_reads_the_store_nor_counts_as_a_use(stage: Stage) -> None:
    event = requested("one", result=ObjectRef(bucket="work", key="x"))
    assert isinstance(event, JobRequested)
    assert stage.see(event) == []
    entry = cached(stage)
    assert entry is not None
    assert entry.hits == 0


def test_entries_of_other_partitions_count_for_the_limit(stage: Stage) -> None:
    tables = stage.coordinator._tables
    tables[1] = type(tables[0])()
    tables[1].cache.put("c" * 64, CacheEntry(datetime.now(UTC) - timedelta(hours=1)))
    set_policy(stage, CachePolicy(entries=1))
    (removed,) = idle(stage)
    assert (removed.key, removed.partition) == ("c" * 64, 1)
