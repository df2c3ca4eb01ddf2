"""What the status of a job says of its webhooks."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from producers.gateway.view.job_view import JobView
from producers.gateway.view.webhook_book import Attempts, EndpointView
from producers.gateway.webhooks import attempts
from schemas.jobs import Job, State
from schemas.options import ModelRef
from tests.webhooks import NOON, attempted, endpoint

JOB_ID = UUID(int=1)
MODEL = ModelRef(name="demo", revision="1")


def view(state: State = "SUCCESS", url: str | None = "https://receiver.example/hook?token=hidden") -> JobView:
    job = Job(job_id=JOB_ID, source="http", filename="a.wav", submitted_at=NOON, webhook_url=url)
    return JobView(job, "c" * 64, state, NOON, MODEL)


def test_what_was_delivered_once_stays_delivered_whatever_comes_of_a_repeat() -> None:
    repeat = attempted(JOB_ID, 5, "pending", next_attempt_at=NOON + timedelta(minutes=10))
    (shown,) = attempts.of_job(view(), [Attempts(repeat, 2, is_delivered=True)], [], NOON)
    assert (shown["state"], shown["attempts"], shown["status_code"], shown["next_attempt_at"]) == ("delivered", 2, 500, None)


def test_what_is_given_up_has_failed() -> None:
    (shown,) = attempts.of_job(view(), [Attempts(attempted(JOB_ID, 5, "given_up"), 10, is_delivered=False)], [], NOON)
    assert (shown["state"], shown["attempts"], shown["outcome"]) == ("failed", 10, "failed")


def test_a_url_without_an_attempt_is_pending_and_only_its_host_is_shown() -> None:
    (shown,) = attempts.of_job(view(), [], [], NOON)
    assert (shown["state"], shown["webhook_id"], shown["type"]) == (
        "pending",
        f"msg_{JOB_ID}_success",
        "transcription.completed",
    )
    assert shown["host"] == "receiver.example:443"
    assert "hidden" not in str(shown)


def test_an_attempt_to_an_endpoint_says_nothing_of_the_url() -> None:
    shown = attempts.of_job(view(), [Attempts(attempted(JOB_ID, endpoint_id="ep_1"), 1, is_delivered=True)], [], NOON)
    assert [(each["endpoint_id"], each["state"]) for each in shown] == [(None, "pending"), ("ep_1", "delivered")]


def registered(**more: Any) -> EndpointView:
    return EndpointView(endpoint(minute=-5, **more))


def test_the_end_of_a_job_is_pending_for_an_endpoint_until_it_is_attempted() -> None:
    (shown,) = attempts.of_job(view(url=None), [], [registered()], NOON)
    assert (shown["endpoint_id"], shown["state"], shown["attempts"]) == ("ep_1", "pending", 0)
    assert (shown["webhook_id"], shown["host"]) == (f"msg_{JOB_ID}_success", "receiver.example:443")
    assert attempts.has_expected_endpoints([shown])
    started = Attempts(attempted(JOB_ID, endpoint_id="ep_1", type="transcription.started"), 1, is_delivered=True)
    assert len(attempts.of_job(view(url=None), [started], [registered()], NOON)) == 2
    done = Attempts(attempted(JOB_ID, endpoint_id="ep_1"), 1, is_delivered=True)
    shown_done = attempts.of_job(view(url=None), [done], [registered()], NOON)
    assert [each["attempts"] for each in shown_done] == [1]
    assert not attempts.has_expected_endpoints(shown_done)


@pytest.mark.parametrize(
    "more",
    [
        {"enabled": False},
        {"events": ("transcription.failed",)},
        {"enabled_at": NOON + timedelta(minutes=1)},
        {"created_at": NOON + timedelta(minutes=1)},
    ],
)
def test_an_endpoint_that_does_not_get_the_end_of_a_job_is_not_shown(more: dict[str, Any]) -> None:
    assert attempts.of_job(view(url=None), [], [registered(**more)], NOON) == []
    assert attempts.of_job(view("STARTED", url=None), [], [registered()], NOON) == []


def test_without_a_url_or_after_the_log_is_gone_nothing_is_expected() -> None:
    assert attempts.of_job(view(url=None), [], [], NOON) == []
    assert attempts.of_job(view(), [], [], NOON + attempts.KEPT + timedelta(seconds=1)) == []
    assert len(attempts.of_job(view("STARTED"), [], [], NOON + attempts.KEPT + timedelta(seconds=1))) == 1
