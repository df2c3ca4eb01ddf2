"""How long a job may take, from jobs with known times. No clock."""

from uuid import UUID

import pytest

from producers.gateway.view.estimates import ASSUMED_BYTES_S, HOPS_S, MARGIN, RECENT, SHORT_TO_LONG, Estimate, Estimates, Queue
from runtime.lanes import BULK_SHARE
from schemas.record import Failure
from tests.unit.producers.gateway.timed_jobs import AUDIO, CHUNK_S, ended, job, requested


def within(estimate: Estimate | None, low_s: float, high_s: float) -> bool:
    assert estimate is not None
    expected = (low_s / MARGIN, (high_s + HOPS_S) * MARGIN)
    return (estimate.min_s, estimate.max_s) == pytest.approx(expected, abs=0.1)


@pytest.fixture
def estimates() -> Estimates:
    """A second of audio takes 0.1 to 0.2 s, one job at a time."""
    made = Estimates()
    for number in range(20):
        made.ended(ended(job(1000 + number), number * 20, 6.0 if number < 10 else 12.0))
    return made


def test_before_the_first_job_has_ended_there_is_none() -> None:
    estimates = Estimates()
    estimates.accepted(requested(job(1)))
    assert estimates.of(UUID(int=1)) is None


def test_a_job_alone_takes_what_similar_ones_took(estimates: Estimates) -> None:
    estimates.accepted(requested(job(1)))
    assert within(estimates.of(UUID(int=1)), 6.0, 12.0)
    assert within(estimates.of(UUID(int=1), share=0.5), 3.0, 6.0)


def test_what_is_queued_before_it_is_added_and_what_comes_later_is_not(estimates: Estimates) -> None:
    for number in (1, 2, 3):
        estimates.accepted(requested(job(number)))
    estimates.accepted(requested(job(2)))  # a repeat
    assert within(estimates.of(UUID(int=1)), 6.0, 12.0)
    assert within(estimates.of(UUID(int=3)), 18.0, 36.0)


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED"])
def test_what_has_ended_or_was_deleted_is_no_longer_queued(estimates: Estimates, state: str) -> None:
    for number in (1, 2, 3):
        estimates.accepted(requested(job(number)))
    estimates.ended(ended(job(1), 500, 6.0, state=state))
    estimates.deleted(UUID(int=2))
    assert estimates.of(UUID(int=1)) is None
    assert within(estimates.of(UUID(int=3)), 6.0, 12.0)


def test_workers_that_work_on_several_files_at_once_are_faster_together() -> None:
    estimates = Estimates()
    for number in range(4):
        estimates.ended(ended(job(1000 + number), 12.0, 12.0))
    estimates.accepted(requested(job(1)))
    estimates.accepted(requested(job(2)))
    assert within(estimates.of(UUID(int=2)), 3.0 + 12.0, 24.0)


def test_a_file_unlike_all_others_has_a_wider_estimate(estimates: Estimates) -> None:
    estimates.accepted(requested(job(1, 3600.0)))
    assert within(estimates.of(UUID(int=1)), 360.0 / SHORT_TO_LONG, 720.0)
    estimates.deleted(UUID(int=1))
    estimates.accepted(requested(job(2, 3.0)))
    assert within(estimates.of(UUID(int=2)), 0.3, 0.6 * SHORT_TO_LONG)


def test_only_recent_work_counts_and_none_that_was_not_done(estimates: Estimates) -> None:
    for number in range(RECENT):
        estimates.ended(ended(job(2000 + number), 1000 + number * 40, 30.0))
        estimates.ended(ended(job(3000 + number), 1000 + number * 40, 0.01, cached=True))
        estimates.ended(ended(job(4000 + number), 1000 + number * 40, 0.01, state="FAILURE"))
        estimates.ended(ended(job(5000 + number), 1000 + number * 40, 0.01, inference_s=0.0))
        estimates.ended(ended(job(6000 + number), 1000 + number * 40, -1.0))
    estimates.accepted(requested(job(1)))
    assert within(estimates.of(UUID(int=1)), 30.0, 30.0)


def test_a_file_that_does_not_state_its_length_has_no_estimate(estimates: Estimates) -> None:
    estimates.accepted(requested(job(1, None)))
    assert estimates.of(UUID(int=1)) is None


@pytest.fixture
def lanes() -> Estimates:
    """A second of audio takes 0.1 s, one job at a time; files up to 30 s are short."""
    made = Estimates(interactive_max_s=30.0)
    for number in range(20):
        made.ended(ended(job(1000 + number), number * 20, 6.0))
    return made


def test_a_short_file_waits_for_short_ones_a_chunk_in_hand_and_the_share_of_long_ones(lanes: Estimates) -> None:
    for number, audio_s in enumerate([3600.0, 20.0, 1800.0, 20.0]):
        lanes.accepted(requested(job(number, audio_s)))
    assert within(lanes.of(UUID(int=3)), 4.0, 4.0 / (1 - BULK_SHARE) + CHUNK_S * 0.1)


def test_without_long_files_a_short_one_waits_for_the_short_ones_before_it(lanes: Estimates) -> None:
    for number in range(3):
        lanes.accepted(requested(job(number, 20.0)))
    assert within(lanes.of(UUID(int=2)), 6.0, 6.0)


def test_a_long_file_waits_for_everything_before_it(lanes: Estimates) -> None:
    for number, audio_s in enumerate([100.0, 20.0, 100.0]):
        lanes.accepted(requested(job(number, audio_s)))
    assert within(lanes.of(UUID(int=2)), 22.0, 22.0)


def test_what_overtook_a_long_file_takes_nothing_from_its_time(lanes: Estimates) -> None:
    for number, audio_s in enumerate([100.0, 100.0, 20.0]):
        lanes.accepted(requested(job(number, audio_s)))
    lanes.ended(ended(job(2, 20.0), 500, 2.0, 20.0))
    assert within(lanes.of(UUID(int=1)), 20.0, 20.0)


def test_a_requested_lane_replaces_the_one_by_length(lanes: Estimates) -> None:
    lanes.accepted(requested(job(1, 60.0, "bulk")))
    lanes.accepted(requested(job(2, 60.0, "interactive")))
    lanes.accepted(requested(job(3, 20.0, "bulk")))
    assert within(lanes.of(UUID(int=2)), 6.0, 6.0 / (1 - BULK_SHARE) + CHUNK_S * 0.1)
    assert within(lanes.of(UUID(int=3)), 14.0, 14.0)


def test_jobs_that_wait_for_one_work_are_queued_once(estimates: Estimates) -> None:
    estimates.accepted(requested(job(1), work=9))
    estimates.accepted(requested(job(2)))
    estimates.accepted(requested(job(3), work=9))
    assert estimates.of(UUID(int=3)) == estimates.of(UUID(int=1))
    assert within(estimates.of(UUID(int=2)), 12.0, 24.0)
    estimates.ended(ended(job(1), 500, 6.0, state="REVOKED"))
    assert within(estimates.of(UUID(int=2)), 12.0, 24.0)
    estimates.ended(ended(job(3), 500, 6.0, state="REVOKED"))
    assert within(estimates.of(UUID(int=2)), 6.0, 12.0)


@pytest.mark.parametrize("answer", [{"result": AUDIO}, {"refused": Failure(reason="corrupt", message="it is damaged")}])
def test_a_job_that_is_answered_at_once_is_not_queued(estimates: Estimates, answer: dict[str, object]) -> None:
    estimates.accepted(requested(job(1)).model_copy(update=answer))
    estimates.accepted(requested(job(2)))
    assert estimates.of(UUID(int=1)) is None
    assert within(estimates.of(UUID(int=2)), 6.0, 12.0)


def test_the_queue_is_counted_in_works_and_seconds_of_audio_by_owner(estimates: Estimates) -> None:
    estimates.accepted(requested(job(1, 60.0, owner="ana")))
    estimates.accepted(requested(job(2, 60.0, owner="ana"), work=1))
    estimates.accepted(requested(job(3, 90.0, owner="ben")))
    assert estimates.queue() == Queue(2, 150.0)
    assert (estimates.queue("ana"), estimates.queue("ben"), estimates.queue("eve")) == (
        Queue(1, 60.0),
        Queue(1, 90.0),
        Queue(0, 0.0),
    )
    estimates.deleted(UUID(int=1))
    assert estimates.queue("ana") == Queue(1, 60.0)
    estimates.ended(ended(job(2), 500, 6.0))
    assert (estimates.queue(), estimates.queue("ana")) == (Queue(1, 90.0), Queue(0, 0.0))
    estimates.clear()
    assert (estimates.queue(), estimates.queue("ben")) == (Queue(0, 0.0), Queue(0, 0.0))


def test_in_the_queue_a_file_that_does_not_state_its_length_counts_by_its_size(estimates: Estimates) -> None:
    request = requested(job(1, None))
    audio = AUDIO.model_copy(update={"size_bytes": 30 * ASSUMED_BYTES_S})
    estimates.accepted(request.model_copy(update={"work": request.work.model_copy(update={"audio": audio})}))
    estimates.accepted(requested(job(2)))
    assert estimates.queue() == Queue(2, 90.0)
    assert within(estimates.of(UUID(int=2)), 6.0, 12.0)


def test_the_pace_is_that_of_all_workers_together(estimates: Estimates) -> None:
    assert estimates.pace() == pytest.approx(0.15)
    assert Estimates().pace() is None
