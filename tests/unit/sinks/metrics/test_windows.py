"""Windows slide by buckets, a record counts once, and what is written is read back the same."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.jobs import Job, JobChanged
from sinks.metrics.folding import OTHERS, folded
from sinks.metrics.windows import WINDOWS, Entry, Kind, Totals, added_up, kind_of, measured

MINUTE, HOUR, DAY = WINDOWS
ONE = Totals(jobs=1, audio_s=8.0)
T = 1_800_000_000  # a multiple of every step
AT = datetime.fromtimestamp(T, UTC)


def changed(**facts: Any) -> JobChanged:
    job = Job(job_id=uuid.UUID(int=1), source="http", filename="a.wav", submitted_at=AT - timedelta(seconds=10))
    result = {"transcript": {"bucket": "w", "key": "k"}, "language": "en", "duration_s": 8.0, "speech_s": 7.0}
    given = {"state": "SUCCESS", "changed_at": AT, "started_at": AT - timedelta(seconds=4), "result": result, **facts}
    return JobChanged.model_validate(
        {"job": job, "work_id": "0" * 64, "audio_id": "0" * 64, "model": {"name": "demo", "revision": "1"}, **given}
    )


def counted(*times: float) -> Entry:
    entry = Entry()
    for offset, at_s in enumerate(times):
        assert entry.count(ONE, at_s, offset)
    return entry


def test_a_job_is_in_all_windows_and_leaves_them_one_after_the_other() -> None:
    entry = counted(T + 2.0)
    assert [entry.total(window, T + 3.0).jobs for window in WINDOWS] == [1, 1, 1]
    assert [entry.total(window, T + 61.0).jobs for window in WINDOWS] == [0, 1, 1]
    assert [entry.total(window, T + 3_700.0).jobs for window in WINDOWS] == [0, 0, 1]
    assert [entry.total(window, T + 90_000.0).jobs for window in WINDOWS] == [0, 0, 0]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_covers_no_more_than_its_size_and_no_less_than_a_step_less(window: Any) -> None:
    entry = counted(T)
    assert entry.total(window, T + window.size_s - window.step_s - 0.1).jobs == 1
    assert entry.total(window, T + window.size_s).jobs == 0


def test_jobs_of_one_bucket_and_of_several_add_up() -> None:
    assert counted(T, T + 1, T + 30).total(MINUTE, T + 31) == Totals(jobs=3, audio_s=24.0)


def test_a_record_that_is_delivered_again_is_not_counted_again() -> None:
    entry = counted(T, T + 1)
    assert not entry.count(ONE, T + 1, 1)
    assert entry.total(DAY, T + 2).jobs == 2


def test_a_late_record_counts_only_in_the_windows_that_still_hold_its_time() -> None:
    entry = counted(T + 600, T)
    assert [entry.total(window, T + 601).jobs for window in WINDOWS] == [1, 2, 2]


def test_an_entry_never_grows_beyond_its_buckets() -> None:
    days, hour, minute = range(0, 201_600, 7200), range(201_600, 205_200, 300), range(205_200, 205_260, 5)
    entry = counted(*(T + seconds for seconds in (*days, *hour, *minute)))
    assert [len(entry.buckets[window.name]) for window in WINDOWS] == [12, 12, 12]
    assert len(entry.encode()) < 4096


def test_an_entry_is_read_back_as_it_was_written() -> None:
    entry = counted(T, T + 100, T + 8000)
    assert Entry.decode(entry.encode()) == entry
    assert Entry.decode(None) == Entry()


def test_an_entry_is_over_when_the_longest_window_has_passed() -> None:
    entry = counted(T)
    assert not entry.is_expired(T + 3600)
    assert entry.is_expired(T + 90_000)


def test_keys_carry_the_partition_and_are_read_back() -> None:
    one, other = kind_of(changed(), 1, 30.0), kind_of(changed(), 2, 30.0)
    assert one.encode() != other.encode()
    assert Kind.decode(one.encode()) == one == Kind(1, "SUCCESS", None, "demo", "default")


@pytest.mark.parametrize(
    ("facts", "lane"),
    [
        ({"duration_s": 30.0}, "interactive"),
        ({"duration_s": 30.1}, "bulk"),
        ({"duration_s": None, "result": None}, None),
    ],
)
def test_a_job_that_asked_for_no_lane_counts_in_the_one_of_its_length(facts: dict[str, Any], lane: str | None) -> None:
    assert kind_of(changed(**facts), 1, 30.0).lane == lane


def test_a_job_counts_in_the_lane_that_it_asked_for() -> None:
    job = changed().job.model_copy(update={"lane": "bulk"})
    assert kind_of(changed(job=job, duration_s=1.0), 1, 30.0).lane == "bulk"


def test_a_success_counts_its_audio_its_wait_and_its_work() -> None:
    assert measured(changed()) == Totals(jobs=1, audio_s=8.0, waited=1, wait_s=6.0, worked_audio_s=8.0, worked_s=4.0)


def test_a_cache_hit_is_audio_without_work() -> None:
    totals = measured(changed(cached=True))
    assert (totals.cache_hits, totals.audio_s, totals.worked_audio_s, totals.worked_s) == (1, 8.0, 0.0, 0.0)


def test_a_failure_that_was_never_started_waited_for_nothing() -> None:
    assert measured(changed(state="FAILURE", result=None, started_at=None)) == Totals(jobs=1)


def test_clocks_that_disagree_give_no_negative_times() -> None:
    totals = measured(changed(started_at=AT - timedelta(seconds=20), changed_at=AT - timedelta(seconds=30)))
    assert (totals.wait_s, totals.worked_s) == (0.0, 0.0)


def test_only_windows_with_jobs_are_returned() -> None:
    kind = Kind(0, "SUCCESS", None, "demo", "a")
    rows = list(added_up({kind: counted(T)}, T + 100))
    assert [(window.name, totals.jobs) for window, _kind, totals in rows] == [("hour", 1), ("day", 1)]


def test_beyond_the_busiest_owners_all_others_are_one() -> None:
    rows = [(DAY, Kind(0, "SUCCESS", None, "demo", f"o{n}"), Totals(jobs=n)) for n in range(1, 6)]
    by_owner = {kind.owner: totals.jobs for _window, kind, totals in folded(rows, owners_max=2)}
    assert by_owner == {"o5": 5, "o4": 4, OTHERS: 6}
