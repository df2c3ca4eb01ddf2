"""When another job is admitted: by the audio that waits, of all and of one owner. No clock."""

import pytest
from pydantic import SecretStr

from producers.gateway.http.problems import Problem
from producers.gateway.submission.admission import Admission
from producers.gateway.view.estimates import Estimates
from runtime import api_keys
from runtime.setting_types import DAY_S
from runtime.settings import Settings
from schemas.record import ObjectRef
from tests.unit.producers.gateway.timed_jobs import ended, job, requested

KEYS = SecretStr(api_keys.line("ana", api_keys.new_key()))


def admission(estimates: Estimates, most_s: float | None = 100.0, keys: SecretStr | None = None) -> Admission:
    return Admission(Settings(max_queued_audio_s=most_s, max_queued_audio_share=0.5, api_keys=keys), estimates)


def refused(estimates: Estimates, owner: str | None = None, most_s: float | None = 100.0) -> tuple[int, str, float | None]:
    """With an owner: where there are keys."""
    with pytest.raises(Problem) as problem:
        admission(estimates, most_s, KEYS if owner else None).check(owner or "default")
    return problem.value.status, str(problem.value.document["reason"]), problem.value.after_s


def test_a_file_of_any_length_is_admitted_to_an_empty_queue() -> None:
    estimates = Estimates()
    admission(estimates).check("default")
    admission(estimates).check_work(requested(job(1, 36_000.0)))


def test_a_full_queue_refuses_everybody_until_something_has_ended() -> None:
    estimates = Estimates()
    estimates.accepted(requested(job(1, 90.0)))
    admission(estimates).check("default")
    estimates.accepted(requested(job(2, 30.0)))
    assert refused(estimates) == (503, "queue_full", 20.0)
    assert refused(estimates, "ana") == (503, "queue_full", 20.0)
    estimates.ended(ended(job(2), 500, 6.0))
    admission(estimates).check("default")


def test_an_owner_has_a_share_and_the_rest_is_for_others() -> None:
    estimates = Estimates()
    estimates.accepted(requested(job(1, 60.0, owner="ana")))
    assert refused(estimates, "ana") == (429, "queue_share_full", 10.0)
    admission(estimates, keys=KEYS).check("ben")
    estimates.ended(ended(job(1), 500, 6.0))
    estimates.accepted(requested(job(2, 60.0, owner="default")))
    assert refused(estimates, "default")[1] == "queue_share_full", "a name like any other"


def test_where_there_are_no_keys_the_only_owner_has_the_whole_queue() -> None:
    estimates = Estimates()
    estimates.accepted(requested(job(1, 60.0)))
    admission(estimates).check("default")


def test_retry_after_is_by_the_pace_of_the_last_jobs() -> None:
    estimates = Estimates()
    estimates.ended(ended(job(9), 500, 30.0))  # 60 s of audio
    estimates.accepted(requested(job(1, 140.0)))
    assert refused(estimates)[2] == pytest.approx(20.0)


def test_what_adds_nothing_to_a_full_queue_is_admitted() -> None:
    estimates = Estimates()
    estimates.accepted(requested(job(1, 120.0)))
    with pytest.raises(Problem):
        admission(estimates).check_work(requested(job(2)))
    admission(estimates).check_work(requested(job(2), work=1))
    cached = requested(job(3)).model_copy(update={"result": ObjectRef(bucket="work", key="results/a.json")})
    admission(estimates).check_work(cached)


def test_unless_it_is_set_the_limit_is_what_is_transcribed_in_half_of_the_retention() -> None:
    half_s = 3.5 * DAY_S
    estimates = Estimates()
    estimates.accepted(requested(job(1, half_s - 1)))
    admission(estimates, None).check("default")
    estimates.accepted(requested(job(2, 2.0)))
    assert refused(estimates, most_s=None)[1] == "queue_full"
    estimates.ended(ended(job(9), 500, 30.0))  # two seconds of audio a second
    admission(estimates, None).check("default")
