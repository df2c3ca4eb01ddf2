"""From a job's state to deliveries."""

from datetime import timedelta
from typing import Any

from structlog.typing import EventDict

from runtime.setting_types import WEBHOOK_DELAYS_S
from schemas.jobs import JobChanged
from schemas.topics import WEBHOOK_DELIVERIES
from schemas.webhooks import WebhookDelivery, WebhookEndpoint
from sinks.webhooks.endpoints import Endpoints
from sinks.webhooks.fan_out import OLDEST, FanOut
from sinks.webhooks.schedule import Schedule
from tests.ended import ended
from tests.unit.sinks.webhooks.scene import NOW, URL, registered


def deliveries(job: JobChanged | None, *endpoints: WebhookEndpoint, can_sign: bool = True) -> list[WebhookDelivery]:
    book = Endpoints()
    for endpoint in endpoints:
        book.put(endpoint)
    outputs = FanOut(book, Schedule(WEBHOOK_DELAYS_S), can_sign=can_sign).outputs(job, NOW)
    assert {output.topic for output in outputs} <= {WEBHOOK_DELIVERIES}
    return [output.value for output in outputs if isinstance(output.value, WebhookDelivery)]


def job(state: Any = "FAILURE", url: str | None = URL, **more: Any) -> JobChanged:
    return ended(url, state=state, at=NOW, **more)


def test_a_job_that_has_ended_is_delivered_to_its_own_url() -> None:
    (delivery,) = deliveries(job())
    assert (delivery.url, delivery.endpoint_id, delivery.type) == (URL, None, "transcription.failed")
    assert (delivery.webhook_id, delivery.attempt, delivery.due_at) == (f"msg_{job().job.job_id}_failure", 1, NOW)
    assert delivery.created_at == NOW
    assert delivery.job == job()


def test_and_to_each_endpoint_of_its_owner_under_the_same_id() -> None:
    found = deliveries(job(), registered("ep_1"), registered("ep_2"), registered("ep_3", owner="somebody-else"))
    assert [each.endpoint_id for each in found] == [None, "ep_1", "ep_2"]
    assert len({each.webhook_id for each in found}) == 1
    assert [each.url for each in found] == [URL, None, None]


def test_an_endpoint_gets_the_types_that_it_names_and_without_any_the_ends_of_jobs() -> None:
    named, unnamed = registered("ep_1", events=("transcription.completed", "transcription.started")), registered("ep_2")
    recipients = {
        state: [each.endpoint_id for each in deliveries(job(state, None), named, unnamed)]
        for state in ("PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED")
    }
    assert recipients == {
        "PENDING": [],
        "STARTED": ["ep_1"],
        "SUCCESS": ["ep_1", "ep_2"],
        "FAILURE": ["ep_2"],
        "REVOKED": ["ep_2"],
    }


def test_a_disabled_endpoint_and_one_that_was_registered_later_get_nothing() -> None:
    later = registered("ep_2", created_at=NOW + timedelta(seconds=1))
    assert deliveries(job("SUCCESS", None), registered("ep_1", enabled=False), later) == []


def test_a_job_that_was_deleted_or_has_no_webhook_has_no_deliveries() -> None:
    assert deliveries(None) == []
    assert deliveries(job(url=None)) == []


def test_jobs_that_ended_long_ago_are_not_delivered_when_the_group_starts_again(logged: list[EventDict]) -> None:
    old, young = job(changed_at=NOW - OLDEST - timedelta(seconds=1)), job(changed_at=NOW - OLDEST)
    assert deliveries(old, registered()) == []
    assert len(deliveries(young, registered(created_at=NOW - 2 * OLDEST))) == 2
    assert {line["outcome"] for line in logged if line["event"] == "webhook.given_up"} == {"too_old"}


def test_without_a_secret_nothing_is_sent_to_the_urls_of_jobs_and_that_is_logged_once(logged: list[EventDict]) -> None:
    book = Endpoints()
    book.put(registered())
    fan_out = FanOut(book, Schedule([0.0]), can_sign=False)
    assert [len(fan_out.outputs(each, NOW)) for each in (job(), job())] == [1, 1]  # the endpoint has a key of its own
    (error,) = [line["error"] for line in logged if line["log_level"] == "error"]
    assert "MURMUR_WEBHOOK_SECRET" in error
