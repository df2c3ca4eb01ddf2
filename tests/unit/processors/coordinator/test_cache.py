"""The cache table of one partition: what an entry is in memory and in the changelog, and the orders by use and by age."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from processors.coordinator.cache import BUCKET_S, FAILURES_MAX, CacheTable
from processors.coordinator.entries import CHANGELOGS, Change
from processors.coordinator.tables import Tables
from runtime.errors import MurmurError
from schemas.cache import CLEARED, CacheEntry
from schemas.record import Failure

NOW = datetime(2026, 11, 21, 12, 0, 0, 120, tzinfo=UTC)
FULL = CacheEntry(NOW, 1200, 3.25, "yue", NOW + timedelta(hours=1), 17)
FAILED = CacheEntry(NOW, failure=Failure(reason="no_audio", message="a picture"))


def work_id(number: int) -> str:
    return f"{number:064x}"


def table(*entries: CacheEntry) -> CacheTable:
    """Of the works 0, 1, ..."""
    made = CacheTable()
    for number, entry in enumerate(entries):
        made.put(work_id(number), entry)
    return made


def at(seconds: float) -> CacheEntry:
    return CacheEntry(NOW + timedelta(seconds=seconds), 100)


def raw(entry: CacheEntry) -> bytes:
    written = Change("cache", work_id(1), entry).output(0).value
    assert isinstance(written, bytes)
    return written


def test_a_full_entry_is_written_with_all_its_fields_and_where_its_transcript_is() -> None:
    assert orjson.loads(raw(FULL)) == {
        "transcript": {"key": f"results/{work_id(1)}.json", "size_bytes": 1200},
        "finished_at": "2026-11-21T12:00:00.000120Z",
        "duration_s": 3.25,
        "language": "yue",
        "used_at": "2026-11-21T13:00:00.000120Z",
        "hits": 17,
    }


def test_what_is_written_is_read_back_also_of_a_failure() -> None:
    for entry in (FULL, FAILED, CacheEntry(NOW)):
        assert Change.read(CHANGELOGS["cache"].name, work_id(1).encode(), raw(entry)).value == entry


def test_an_entry_of_an_earlier_version_is_read() -> None:
    place = '{"bucket":"work","key":"talk.json","version_id":null,"etag":null,"size_bytes":null}'
    earlier = f'{{"transcript":{place},"finished_at":"2026-11-21T12:00:00.000120Z"}}'
    assert CacheEntry.read(earlier.encode()) == CacheEntry(NOW)


def test_the_table_has_an_entry_as_it_was_put() -> None:
    made = table(FULL, FAILED, CacheEntry(NOW))
    assert [made.get(work_id(number)) for number in range(3)] == [FULL, FAILED, CacheEntry(NOW)]
    assert made.get(work_id(3)) is None
    assert (len(made), made.size_bytes) == (2, 1200), "a failure is no transcript"


def test_a_restored_table_is_the_one_whose_entries_were_written() -> None:
    lost, found = Tables(), Tables()
    for number, entry in enumerate((FULL, FAILED, CacheEntry(NOW))):
        change = Change("cache", work_id(number), entry)
        lost.apply(change)
        found.restore(CHANGELOGS["cache"].name, change.key.encode(), raw(entry))
    cleared = Change("cache", CLEARED, CacheEntry(NOW))
    lost.apply(cleared)
    written = cleared.output(0).value
    assert isinstance(written, bytes)
    found.restore(CHANGELOGS["cache"].name, CLEARED.encode(), written)
    assert found == lost
    assert found.cache.cleared_at == NOW


@pytest.mark.parametrize("value", [b"\xff not JSON", b"[]", b"{}", b'{"transcript":{},"finished_at":"last year"}'])
def test_an_entry_that_cannot_be_restored_is_an_error_that_names_it(value: bytes) -> None:
    with pytest.raises(MurmurError, match=r"the entry b'a+' of coordinator-cache-changelog cannot be read: .+"):
        Tables().restore(CHANGELOGS["cache"].name, b"a" * 64, value)


def test_a_removed_or_replaced_entry_no_longer_counts() -> None:
    made = table(at(0), at(1), FAILED)
    made.put(work_id(0), CacheEntry(NOW, 70))
    made.put(work_id(1), FAILED)
    made.put(work_id(2), at(2))
    made.remove(work_id(3))
    assert (len(made), made.size_bytes) == (2, 170)
    for number in range(3):
        made.remove(work_id(number))
    assert made == CacheTable()
    assert (made.size_bytes, made._by_age) == (0, {})


def test_a_use_counts_and_makes_the_entry_the_last_to_go() -> None:
    made = table(at(0), at(1), at(2))
    later = NOW + timedelta(hours=1)
    made.use(work_id(0), later)
    made.use(work_id(9), later)
    assert list(made) == [work_id(1), work_id(2), work_id(0)]
    used = made.get(work_id(0))
    assert used is not None
    assert (used.hits, used.used_at, used.finished_at) == (1, later, NOW)


def test_entries_are_outdated_by_age_and_not_by_use() -> None:
    made = table(*(at(number * BUCKET_S) for number in range(4)))
    made.use(work_id(0), NOW + timedelta(days=1))
    assert made.outdated(NOW.timestamp() - 1, 10) == []
    assert made.outdated((NOW + timedelta(seconds=2 * BUCKET_S)).timestamp(), 10) == [work_id(0), work_id(1), work_id(2)]


def test_few_are_looked_at_in_one_step_and_all_are_found_in_the_end() -> None:
    made = table(*(at(number) for number in (5, 6, 1, 7, 0, 8)))  # one bucket, not in order, as after a recovery
    until_s, found = (NOW + timedelta(seconds=2)).timestamp(), set[str]()
    for _ in range(3):
        step = made.outdated(until_s, 2)
        assert len(step) <= 2
        found |= set(step)
        for each in step:
            made.remove(each)
    assert found == {work_id(2), work_id(4)}
    assert len(made) == 4


def test_failures_go_by_age_and_when_there_are_too_many() -> None:
    made = CacheTable()
    for number in range(FAILURES_MAX + 2):
        made.put(work_id(number), CacheEntry(NOW + timedelta(seconds=number), failure=FAILED.failure))
    assert made.failed_until(0.0, 10) == [work_id(0), work_id(1)]
    assert made.failed_until((NOW + timedelta(seconds=2)).timestamp(), 10) == [work_id(number) for number in range(3)]
    assert made.failed_until((NOW + timedelta(days=1)).timestamp(), 10) == [work_id(number) for number in range(10)]
