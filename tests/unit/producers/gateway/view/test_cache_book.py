"""What the cache holds, as the changelog and the store say."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from producers.gateway.view.cache_book import OLD_S, RECOUNT_S, CacheBook, StoredTranscripts
from runtime.kafka.messages import Partition, Received
from runtime.objects import ObjectInfo, StoreUnavailable
from runtime.objects.directory import DirectoryStore
from schemas.topics import CACHE_CHANGELOG

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def entry(key: str, finished_at: datetime | None) -> Received:
    value = None if finished_at is None else orjson.dumps({"transcript": None, "finished_at": finished_at})
    return Received(Partition(CACHE_CHANGELOG.name, 0), 0, key.encode(), value, None)


def test_works_count_once_until_they_expire() -> None:
    book = CacheBook()
    for key, finished_at in (("a" * 64, NOON), ("b" * 64, NOON), ("a" * 64, NOON), ("b" * 64, None), ("c" * 64, None)):
        book.note(entry(key, finished_at))
    assert book.size(None) == 1


def test_a_cleared_work_no_longer_counts_and_the_clearing_itself_never_does() -> None:
    book = CacheBook()
    book.note(entry("a" * 64, NOON))
    book.note(entry("cleared", NOON))
    book.note(entry("b" * 64, NOON + timedelta(seconds=1)))
    assert (book.size(None), book.size(NOON)) == (2, 1)


class CountingStore(DirectoryStore):
    lists = 0
    away = False

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        self.lists += 1
        if self.away:
            raise StoreUnavailable("away")
        return super().list(bucket, prefix)


class Counted:
    def __init__(self, folder: Path) -> None:
        self.store = CountingStore({"work": folder})
        self.store.create()
        self.book = CacheBook()
        self.now_s = 0.0
        self.stored = StoredTranscripts(self.store, "work", self.book, lambda: self.now_s)

    def after(self, seconds: float, cleared_at: datetime | None = None) -> int | None:
        self.now_s += seconds
        self.stored.refresh(cleared_at)
        return self.stored.count(cleared_at)


def test_transcripts_are_counted_after_a_change_and_when_the_count_is_old(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    counted.store.put("work", "uploads/x", b"audio")
    assert counted.after(0.0) == 0
    counted.store.put("work", "results/a.json", b"{}")
    assert counted.after(RECOUNT_S) == 0, "nothing has announced it"
    counted.book.note(entry("a" * 64, NOON))
    assert counted.after(0.0) == 1
    counted.store.put("work", "results/b.json", b"{}")
    assert counted.after(OLD_S) == 2
    assert counted.store.lists == 3


def test_after_a_clearing_only_later_transcripts_count(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    counted.store.put("work", "results/a.json", b"{}")
    assert counted.after(0.0) == 1
    later = datetime.now(UTC) + timedelta(hours=1)
    assert counted.stored.count(later) is None
    assert counted.after(RECOUNT_S, later) == 0


def test_a_store_that_is_away_is_asked_again_later(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    counted.store.away = True
    assert counted.after(0.0) is None
    counted.store.away = False
    assert counted.after(RECOUNT_S) == 0
