"""How long a job may take, from jobs with known times. No clock."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from producers.gateway.estimates import HOPS_S, MARGIN, RECENT, SHORT_TO_LONG, Estimate, Estimates
from schemas.audio import ProbedAudio
from schemas.jobs import Job, JobChanged, ResultSummary
from schemas.options import ModelRef
from schemas.record import ObjectRef

BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)


def job(number: int, audio_s: float | None = 60.0) -> Job:
    audio = ProbedAudio(container="flac", codec="flac", duration_s=audio_s)
    return Job(job_id=UUID(int=number), source="http", filename="a.flac", submitted_at=BEGAN, audio=audio)


def ended(
    which: Job, at_s: float, took_s: float, audio_s: float = 60.0, state: str = "SUCCESS", *, cached: bool = False
) -> JobChanged:
    transcript = ObjectRef(bucket="work", key="results/a.json")
    return JobChanged.model_validate(
        {
            "job": which,
            "work_id": "a" * 64,
            "audio_id": "b" * 64,
            "model": ModelRef(name="demo", revision="1"),
            "state": state,
            "changed_at": BEGAN + timedelta(seconds=at_s),
            "started_at": BEGAN + timedelta(seconds=at_s - took_s),
            "cached": cached,
            "result": ResultSummary(transcript=transcript, language="en", duration_s=audio_s, speech_s=audio_s),
        }
    )


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
    estimates.accepted(job(1))
    assert estimates.of(UUID(int=1)) is None


def test_a_job_alone_takes_what_similar_ones_took(estimates: Estimates) -> None:
    estimates.accepted(job(1))
    assert within(estimates.of(UUID(int=1)), 6.0, 12.0)
    assert within(estimates.of(UUID(int=1), share=0.5), 3.0, 6.0)


def test_what_is_queued_before_it_is_added_and_what_comes_later_is_not(estimates: Estimates) -> None:
    for number in (1, 2, 3):
        estimates.accepted(job(number))
    estimates.accepted(job(2))  # a repeat
    assert within(estimates.of(UUID(int=1)), 6.0, 12.0)
    assert within(estimates.of(UUID(int=3)), 18.0, 36.0)


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED"])
def test_what_has_ended_or_was_deleted_is_no_longer_queued(estimates: Estimates, state: str) -> None:
    for number in (1, 2, 3):
        estimates.accepted(job(number))
    estimates.ended(ended(job(1), 500, 6.0, state=state))
    estimates.deleted(UUID(int=2))
    assert estimates.of(UUID(int=1)) is None
    assert within(estimates.of(UUID(int=3)), 6.0, 12.0)


def test_workers_that_work_on_several_files_at_once_are_faster_together() -> None:
    estimates = Estimates()
    for number in range(4):
        estimates.ended(ended(job(1000 + number), 12.0, 12.0))
    estimates.accepted(job(1))
    estimates.accepted(job(2))
    assert within(estimates.of(UUID(int=2)), 3.0 + 12.0, 24.0)


def test_a_file_unlike_all_others_has_a_wider_estimate(estimates: Estimates) -> None:
    estimates.accepted(job(1, 3600.0))
    assert within(estimates.of(UUID(int=1)), 360.0 / SHORT_TO_LONG, 720.0)
    estimates.deleted(UUID(int=1))
    estimates.accepted(job(2, 3.0))
    assert within(estimates.of(UUID(int=2)), 0.3, 0.6 * SHORT_TO_LONG)


def test_only_recent_work_counts_and_none_that_was_not_done(estimates: Estimates) -> None:
    for number in range(RECENT):
        estimates.ended(ended(job(2000 + number), 1000 + number * 40, 30.0))
        estimates.ended(ended(job(3000 + number), 1000 + number * 40, 0.01, cached=True))
        estimates.ended(ended(job(4000 + number), 1000 + number * 40, 0.01, state="FAILURE"))
    estimates.accepted(job(1))
    assert within(estimates.of(UUID(int=1)), 30.0, 30.0)


def test_a_file_that_does_not_state_its_length_has_no_estimate(estimates: Estimates) -> None:
    estimates.accepted(job(1, None))
    assert estimates.of(UUID(int=1)) is None
