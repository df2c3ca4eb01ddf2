"""Jobs are counted by their newest record, leave the windows one after the other, and are then forgotten."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.jobs import Job, JobChanged
from schemas.stats import JobTotals
from sinks.metrics.folding import OTHERS, folded
from sinks.metrics.windows import DAY_S, UNFINISHED_S, Kind, PartitionJobs, Totals, counted

T = 1_800_000_000.0
AT = datetime.fromtimestamp(T, UTC)


def changed(**facts: Any) -> JobChanged:
    job = Job(job_id=uuid.UUID(int=1), source="http", filename="a.wav", submitted_at=AT - timedelta(seconds=10))
    result = {"transcript": {"bucket": "w", "key": "k"}, "language": "en", "duration_s": 8.0, "speech_s": 7.0}
    given = {"state": "SUCCESS", "changed_at": AT, "started_at": AT - timedelta(seconds=4), "result": result, **facts}
    return JobChanged.model_validate(
        {"job": job, "work_id": "0" * 64, "audio_id": "0" * 64, "model": {"name": "demo", "revision": "1"}, **given}
    )


def started(**facts: Any) -> JobChanged:
    return changed(state="STARTED", result=None, **facts)


class Partition(PartitionJobs):
    """Counts records one after the other, at the time `T` unless another one is given."""

    def take(self, *records: tuple[str, JobChanged | None], now_s: float = T) -> "Partition":
        for key, job in records:
            self.count(key.encode(), job, self.next_offset, now_s)
        return self

    def jobs(self, now_s: float = T) -> dict[str, dict[str, int]]:
        """By window and state."""
        self.slide(now_s)
        found: dict[str, dict[str, int]] = {"minute": {}, "hour": {}, "day": {}}
        for window, kind, totals in self.totals():
            found[window][kind.state] = totals.jobs
        return found


def test_a_job_is_in_all_windows_and_leaves_them_one_after_the_other() -> None:
    partition = Partition().take(("a", changed()))
    for age_s, windows in ((0, ["minute", "hour", "day"]), (60, ["hour", "day"]), (3600, ["day"]), (DAY_S, [])):
        assert [window for window, states in partition.jobs(T + age_s).items() if states] == windows


def test_jobs_of_one_kind_add_up_to_what_is_published() -> None:
    partition = Partition().take(("a", changed()), ("b", changed(cached=True)))
    (total,) = [totals for window, _kind, totals in partition.totals() if window == "minute"]
    assert total.published() == JobTotals(
        jobs=2, audio_s=16.0, waited=2, wait_s=12.0, worked_audio_s=8.0, worked_s=4.0, cache_hits=1
    )


def test_the_newest_record_of_a_job_replaces_what_the_earlier_one_has_counted() -> None:
    partition = Partition().take(("a", started()), ("b", started()), ("a", changed()), ("a", changed()))
    assert partition.jobs()["day"] == {"STARTED": 1, "SUCCESS": 1}
    assert partition.started == 1


def test_a_record_that_is_delivered_again_is_not_counted_again() -> None:
    partition = Partition().take(("a", started()), ("a", changed()))
    partition.count(b"a", started(), 0, T)
    assert (partition.jobs()["day"], partition.started, partition.next_offset) == ({"SUCCESS": 1}, 0, 2)


def test_what_was_added_and_subtracted_again_leaves_no_rest() -> None:
    partition = Partition()
    for number in range(100):
        partition.take((str(number), changed(started_at=AT - timedelta(seconds=number / 7))))
    partition.slide(T + DAY_S)
    assert list(partition.totals()) == []


def test_a_late_record_counts_only_in_the_windows_that_still_hold_its_time() -> None:
    partition = Partition().take(("a", changed()), now_s=T + 600)
    assert [window for window, states in partition.jobs(T + 600).items() if states] == ["hour", "day"]


def test_of_a_job_that_ended_a_day_ago_nothing_is_kept() -> None:
    partition = Partition().take(*((str(number), changed()) for number in range(10)))
    partition.slide(T + DAY_S)
    assert not any(window._jobs for window in partition._windows)
    assert partition.take(("b", changed()), now_s=T + DAY_S).jobs(T + DAY_S)["day"] == {}, (
        "a record as old as that is not counted"
    )


def test_an_unfinished_job_is_known_for_longer_than_the_windows_but_not_forever() -> None:
    partition = Partition().take(("a", started()))
    assert partition.jobs(T + 2 * DAY_S)["day"] == {}
    assert (partition.started, partition.oldest_submitted_at) == (1, AT - timedelta(seconds=10))
    partition.slide(T + UNFINISHED_S)
    assert (partition.started, partition.oldest_submitted_at) == (0, None)


def test_a_tombstone_removes_a_job_that_has_not_ended_and_no_other() -> None:
    partition = Partition().take(("a", started()), ("b", changed()), ("a", None), ("b", None), ("c", None))
    assert (partition.jobs()["minute"], partition.started) == ({"SUCCESS": 1}, 0)


def test_a_job_counts_in_the_lane_that_was_chosen_not_in_the_one_that_it_asked_for() -> None:
    job = changed().job.model_copy(update={"lane": "bulk"})
    assert counted(changed(job=job, lane="interactive")).kind == Kind("SUCCESS", "interactive", "demo", "default")
    assert counted(changed(job=job)).kind.lane is None


def test_a_success_counts_its_audio_its_wait_and_its_work() -> None:
    assert counted(changed()).totals == Totals(1, audio_ms=8000, waited=1, wait_ms=6000, worked_audio_ms=8000, worked_ms=4000)


def test_a_cache_hit_is_audio_without_work() -> None:
    totals = counted(changed(cached=True)).totals
    assert (totals.cache_hits, totals.audio_ms, totals.worked_audio_ms, totals.worked_ms) == (1, 8000, 0, 0)


def test_a_failure_that_was_never_started_waited_for_nothing() -> None:
    assert counted(changed(state="FAILURE", result=None, started_at=None)).totals == Totals(jobs=1)


def test_clocks_that_disagree_give_no_negative_times() -> None:
    totals = counted(changed(started_at=AT - timedelta(seconds=20), changed_at=AT - timedelta(seconds=30))).totals
    assert (totals.wait_ms, totals.worked_ms) == (0, 0)


@pytest.mark.parametrize("age_s", [-100.0, 0.0])
def test_a_clock_that_runs_ahead_does_no_harm(age_s: float) -> None:
    partition = Partition().take(("a", changed()), now_s=T + age_s)
    assert partition.jobs(T + age_s)["minute"] == {"SUCCESS": 1}


def test_beyond_the_busiest_owners_all_others_are_one() -> None:
    rows = [("day", Kind("SUCCESS", None, "demo", f"o{n}"), Totals(jobs=n)) for n in range(1, 6)]
    by_owner = {kind.owner: totals.jobs for _window, kind, totals in folded(rows, owners_max=2)}  # type: ignore[arg-type]
    assert by_owner == {"o5": 5, "o4": 4, OTHERS: 6}
