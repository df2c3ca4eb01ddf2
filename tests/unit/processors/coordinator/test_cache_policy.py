"""The settings of the cache, applied: what answers a request, and what has to go first."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from processors.coordinator.cache import CacheTable
from processors.coordinator.cache_policy import CachePolicy
from runtime.settings import Settings
from schemas.cache import CLEARED, CacheEntry
from schemas.jobs import JobRequested
from schemas.record import Failure
from tests.unit.processors.coordinator.test_decide import requested, work

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FAILED = CacheEntry(NOW, failure=Failure(reason="no_audio", message="a picture"))
WEEK = CachePolicy(ttl_s=7 * 86400, failures_s=300)


def later(**by: float) -> datetime:
    return NOW + timedelta(**by)


def table(entry: CacheEntry = CacheEntry(NOW)) -> CacheTable:
    made = CacheTable()
    made.put(work().work_id, entry)
    return made


def retry() -> JobRequested:
    event = requested()
    return event.model_copy(update={"job": event.job.model_copy(update={"retry_of": uuid4()})})


def test_a_transcript_answers_for_its_ttl_however_often_it_is_used() -> None:
    cache = table()
    cache.use(work().work_id, later(days=6))
    assert WEEK.answer(cache, requested(), later(days=6, hours=23)) is not None
    assert WEEK.answer(cache, requested(), later(days=7)) is None
    assert CachePolicy(ttl_s=0).answer(cache, requested(), later(days=7000)) is not None, "0 is no limit"


@pytest.mark.parametrize(
    "event",
    [requested(no_cache=True), requested(cache_cleared_at=NOW), requested(of=work("d"))],
    ids=["no_cache", "cleared at the gateway", "another work"],
)
def test_what_is_no_answer(event: JobRequested) -> None:
    assert WEEK.answer(table(), event, later(hours=1)) is None


def test_a_cache_that_is_disabled_answers_nothing_and_is_emptied() -> None:
    off = CachePolicy(enabled=False)
    assert off.answer(table(), requested(), NOW) is None
    assert off.removals({3: table()}, 1.0, NOW, 10) == {(3, work().work_id): "disabled"}


def test_a_failure_answers_for_a_short_time_and_no_retry() -> None:
    assert WEEK.answer(table(FAILED), requested(), later(minutes=4)) == FAILED
    assert WEEK.answer(table(FAILED), requested(no_cache=True), later(minutes=4)) is None
    assert WEEK.answer(table(FAILED), retry(), later(minutes=4)) is None
    assert WEEK.answer(table(), retry(), later(minutes=4)) is not None
    assert WEEK.answer(table(FAILED), requested(), later(minutes=5)) is None
    assert WEEK.removals({0: table(FAILED)}, 1.0, later(minutes=5), 10) == {(0, work().work_id): "expired"}


def test_only_failures_that_a_repetition_would_have_again_are_kept() -> None:
    assert WEEK.keeps("corrupt")
    assert not WEEK.keeps("audio_gone")
    assert not WEEK.keeps("model_unavailable")
    assert not CachePolicy(failures_s=0).keeps("corrupt")


class Partitions:
    """Works of 100 bytes in several partitions, finished a second after each other: the first one in 0, the next in 1, ..."""

    def __init__(self, partitions: int, works: int) -> None:
        self.tables = {number: CacheTable() for number in range(partitions)}
        for number in range(works):
            self.tables[number % partitions].put(f"{number:064x}", CacheEntry(later(seconds=number), 100))

    def evicted(self, policy: CachePolicy, share: float = 1.0, at_most: int = 100) -> list[tuple[int, int]]:
        """Partition and work, in order."""
        removals = policy.removals(self.tables, share, later(hours=1), at_most)
        assert set(removals.values()) <= {"evicted"}
        return [(number, int(work_id, 16)) for number, work_id in removals]


def test_the_least_recently_used_of_all_partitions_is_evicted_first() -> None:
    cache = Partitions(2, 6)
    cache.tables[0].use(f"{0:064x}", later(minutes=1))
    assert cache.evicted(CachePolicy(entries=4)) == [(1, 1), (0, 2)]
    assert cache.evicted(CachePolicy(entries=6)) == []
    assert cache.evicted(CachePolicy()) == []


def test_bytes_are_limited_too() -> None:
    assert Partitions(2, 6).evicted(CachePolicy(size_bytes=350)) == [(0, 0), (1, 1), (0, 2)]
    assert Partitions(2, 6).evicted(CachePolicy(size_bytes=600)) == []


@pytest.mark.parametrize(("cache", "transcripts", "limit"), [(0, 0, 0), (7, 0, 7), (0, 5, 5), (7, 5, 5), (5, 7, 5)])
def test_the_cache_keeps_no_more_bytes_than_all_transcripts_may_have(cache: int, transcripts: int, limit: int) -> None:
    assert CachePolicy.of(Settings(cache_bytes=cache, retention_transcripts_bytes=transcripts)).size_bytes == limit


def test_a_process_with_half_of_the_partitions_has_half_of_the_limit() -> None:
    assert Partitions(2, 6).evicted(CachePolicy(entries=9), share=0.5) == [(0, 0)]


def test_a_step_removes_a_bounded_number() -> None:
    assert Partitions(2, 6).evicted(CachePolicy(entries=1), at_most=2) == [(0, 0), (1, 1)]


def test_what_is_cleared_or_expired_goes_first_and_makes_room() -> None:
    cache = Partitions(1, 6)
    cache.tables[0].put(CLEARED, CacheEntry(later(seconds=1)))
    removals = CachePolicy(entries=3).removals(cache.tables, 1.0, later(hours=1), 10)
    assert [(int(work_id, 16), reason) for (_, work_id), reason in removals.items()] == [
        (0, "cleared"),
        (1, "cleared"),
        (2, "evicted"),
    ]
    expired = CachePolicy(ttl_s=3600).removals(cache.tables, 1.0, later(hours=1, seconds=3), 10)
    assert [(int(work_id, 16), reason) for (_, work_id), reason in expired.items()] == [(n, "expired") for n in range(4)]


def test_a_transcript_that_was_not_used_for_long_goes_with_its_entry_whatever_the_ttl() -> None:
    policy = CachePolicy.of(Settings(model="demo", cache_ttl_s=0, retention_transcripts_s=30 * 86400))
    cache = table()
    cache.put("f" * 64, CacheEntry(NOW))
    cache.use("f" * 64, later(days=10))
    assert policy.removals({0: cache}, 1.0, later(days=29), 10) == {}
    assert policy.removals({0: cache}, 1.0, later(days=31), 10) == {(0, work().work_id): "expired"}
    kept = CachePolicy.of(Settings(model="demo", cache_ttl_s=0, retention_transcripts_s=0))
    assert kept.removals({0: cache}, 1.0, later(days=700), 10) == {}
