"""The cache in a gateway's view: rows of the coordinators' changelog, what of them counts, and what is expected to answer."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from producers.gateway.view.cached_works import WORKS_CLEARED_MAX, CacheSize
from producers.gateway.view.view import View
from runtime.kafka.messages import Partition, Received
from schemas.cache import CLEARED, CacheCleared, CacheEntry
from schemas.record import Failure
from schemas.topics import CACHE_CHANGELOG

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
ONE, OTHER = "a" * 64, "b" * 64
FULL = CacheEntry(NOW, 1200, 3.25, "en", NOW + timedelta(hours=1), 17)


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    with closing(View(tmp_path / "view.sqlite3")) as view:
        view.open()
        view.follow("cluster-1")
        yield view


def note(view: View, key: str, value: bytes | None) -> None:
    partition = Partition(CACHE_CHANGELOG.name, 0)
    view.apply([Received(partition, 0, key.encode(), value, None)], {partition: 1})


def put(view: View, work_id: str, entry: CacheEntry | None) -> None:
    note(view, work_id, entry.written("results/x.json") if entry is not None else None)


def later(**by: float) -> datetime:
    return NOW + timedelta(**by)


def test_a_work_counts_once_until_its_entry_is_removed(view: View) -> None:
    for work_id, entry in ((ONE, CacheEntry(NOW, 7)), (OTHER, CacheEntry(NOW, 10)), (ONE, FULL), (OTHER, None), ("c" * 64, None)):
        put(view, work_id, entry)
    assert view.cache.size(None) == CacheSize(1, 1200)
    assert dict(view.cache.entries(None)) == {ONE: FULL}


def test_a_failure_is_no_transcript_and_replaces_one(view: View) -> None:
    put(view, ONE, FULL)
    put(view, ONE, CacheEntry(NOW, failure=Failure(reason="no_audio", message="a picture")))
    assert view.cache.size(None) == CacheSize(0, 0)


@pytest.mark.parametrize(("key", "value"), [("a", b"{}"), (ONE, b"not JSON"), ("not a work", None), (CLEARED, b"{}")])
def test_what_cannot_be_read_and_the_time_of_a_clearing_do_not_count(view: View, key: str, value: bytes | None) -> None:
    note(view, key, value)
    assert view.cache.size(None) == CacheSize(0, 0)


def test_only_what_was_made_since_counts_and_is_expected(view: View) -> None:
    put(view, ONE, CacheEntry(NOW, 7))
    put(view, OTHER, CacheEntry(later(days=1), 10))
    since = view.cache.since(3600.0, later(hours=1))
    assert since == NOW
    assert view.cache.size(since) == CacheSize(1, 10)
    assert [view.cache.has(work_id, since) for work_id in (ONE, OTHER, "c" * 64)] == [False, True, False]
    assert view.cache.since(0.0, NOW) is None, "no limit, and never cleared"
    view.clear_cache(CacheCleared(at=later(days=2)))
    assert view.cache.size(view.cache.since(3600.0, later(hours=1))) == CacheSize(0, 0)


def test_entries_come_in_the_order_of_their_last_use(view: View) -> None:
    put(view, ONE, FULL)
    put(view, OTHER, CacheEntry(later(minutes=30)))
    assert [work_id for work_id, _ in view.cache.entries(None)] == [OTHER, ONE]


def test_one_work_is_cleared_until_it_is_made_again(view: View) -> None:
    put(view, ONE, FULL)
    put(view, OTHER, FULL)
    view.clear_cache(CacheCleared(at=later(minutes=1), work_id=ONE))
    view.clear_cache(CacheCleared(at=NOW, work_id=ONE))
    assert [view.cache.has(work_id, None) for work_id in (ONE, OTHER)] == [False, True]
    assert [view.cache.cleared_at(work_id) for work_id in (ONE, OTHER)] == [later(minutes=1), None]
    put(view, ONE, CacheEntry(later(minutes=2)))
    view.clear_cache(CacheCleared(at=later(minutes=1), work_id=ONE))
    assert view.cache.has(ONE, None), "made since"


def test_the_memory_for_single_clearings_is_bounded(view: View) -> None:
    for number in range(WORKS_CLEARED_MAX + 1):
        view.clear_cache(CacheCleared(at=NOW, work_id=f"{number:064x}"))
    assert view.cache.cleared_at(f"{0:064x}") is None
    assert view.cache.cleared_at(f"{1:064x}") == NOW


def test_another_cluster_has_a_cache_of_its_own_and_a_continued_one_the_same(view: View) -> None:
    put(view, ONE, FULL)
    view.adopt("cluster-2")
    assert view.cache.has(ONE, None)
    view.follow("cluster-3")
    assert not view.cache.has(ONE, None)
