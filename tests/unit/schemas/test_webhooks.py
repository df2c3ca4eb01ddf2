"""Webhook records: which secrets sign, when an endpoint is disabled, and what follows an attempt."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.webhooks import WebhookAttempted, WebhookDelivery, WebhookEndpoint, WebhookEndpointState, WebhookSecret

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def endpoint(**fields: Any) -> WebhookEndpoint:
    usual = {"endpoint_id": "ep_1", "owner": "ann", "url": "https://hooks.example/secret-path", "enabled_at": NOON}
    secrets = [{"secret": "whsec_old", "created_at": NOON}]
    return WebhookEndpoint.model_validate({"secrets": secrets, "created_at": NOON, "changed_at": NOON, **usual, **fields})


def delivery(**fields: Any) -> WebhookDelivery:
    usual = {"webhook_id": "msg_1_success", "type": "transcription.completed", "owner": "ann", "created_at": NOON}
    return WebhookDelivery.model_validate({**usual, "due_at": NOON, "endpoint_id": "ep_1", **fields})


def test_an_endpoint_is_disabled_by_a_state_of_the_same_period() -> None:
    disabled = WebhookEndpointState(
        endpoint_id="ep_1", enabled_at=NOON, failing_since=NOON, disabled_at=LATER, reason="failing", changed_at=LATER
    )
    failing = disabled.model_copy(update={"disabled_at": None})

    assert endpoint().is_enabled(None)
    assert endpoint().is_enabled(failing)
    assert failing.failing_since == NOON
    assert not endpoint().is_enabled(disabled)
    assert endpoint(enabled_at=LATER).is_enabled(disabled)  # it was enabled again
    assert not endpoint(enabled=False).is_enabled(None)


def test_during_a_rotation_the_newest_secret_comes_first_and_an_old_one_expires() -> None:
    old = WebhookSecret(secret="whsec_old", created_at=NOON, valid_until=LATER)
    rotated = endpoint(secrets=[old, WebhookSecret(secret="whsec_new", created_at=NOON + timedelta(minutes=1))])

    assert rotated.secrets_at(NOON) == ("whsec_new", "whsec_old")
    assert rotated.secrets_at(LATER) == ("whsec_new",)


def test_neither_secrets_nor_urls_are_in_the_text_of_a_record() -> None:
    shown = repr(endpoint()) + repr(delivery(endpoint_id=None, url="https://hooks.example/secret-path"))

    assert "whsec_old" not in shown
    assert "secret-path" not in shown


def test_a_failed_attempt_is_followed_by_the_next_one_and_a_postponed_one_by_itself() -> None:
    first = delivery()
    second = first.postponed_until(LATER).next_attempt(LATER, attempted_at=NOON)
    third = second.next_attempt(LATER, attempted_at=LATER)

    assert (first.postponed_until(LATER).attempt, first.postponed_until(LATER).postponed) == (1, 1)
    assert (second.attempt, second.due_at, second.first_attempt_at, second.postponed) == (2, LATER, NOON, 0)
    assert (third.attempt, third.first_attempt_at) == (3, NOON)
    assert len({each.event_id for each in (first, second, third)}) == 3


def test_an_endpoint_has_its_deliveries_in_one_partition_and_the_url_of_a_job_need_not() -> None:
    assert delivery().recipient == "ep_1"
    assert delivery(endpoint_id=None, url="https://hooks.example").recipient == "msg_1_success"


def test_a_resend_is_an_attempt_of_its_own_under_the_same_id() -> None:
    row = WebhookAttempted(
        webhook_id="msg_1_success",
        type="transcription.completed",
        owner="ann",
        host="hooks.example:443",
        attempt=1,
        first_attempt_at=NOON,
        attempted_at=NOON,
        took_s=0.1,
        outcome="failed",
        state="pending",
        next_attempt_at=LATER,
    )
    resent = row.model_copy(update={"requested_at": LATER})

    assert row.subject == resent.subject
    assert row.event_id != resent.event_id
    assert (row.attempted_at, row.first_attempt_at, row.next_attempt_at) == (NOON, NOON, LATER)
