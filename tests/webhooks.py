"""Registered webhook endpoints, and attempts to deliver, as they are on their topics."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.webhooks import WebhookAttempted, WebhookEndpoint, WebhookEndpointState, WebhookSecret

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = "whsec_" + "bXVybXVy" * 4  # 24 bytes


def endpoint(name: str = "ep_1", minute: int = 0, **more: Any) -> WebhookEndpoint:
    at = NOON + timedelta(minutes=minute)
    fields = {
        "endpoint_id": name,
        "owner": "default",
        "url": "https://receiver.example/hook",
        "secrets": (WebhookSecret(secret=SECRET, created_at=at),),
        "enabled_at": at,
        "created_at": at,
        "changed_at": at,
    }
    return WebhookEndpoint.model_validate(fields | more)


def endpoint_state(of: WebhookEndpoint, **more: Any) -> WebhookEndpointState:
    fields = {"endpoint_id": of.endpoint_id, "enabled_at": of.enabled_at, "changed_at": of.changed_at}
    return WebhookEndpointState.model_validate(fields | more)


def attempted(job_id: object = None, minute: int = 0, state: str = "delivered", **more: Any) -> WebhookAttempted:
    """Of the end of a job to its own URL, unless another recipient is named."""
    at = NOON + timedelta(minutes=minute)
    fields = {
        "webhook_id": f"msg_{job_id}_success",
        "type": "transcription.completed",
        "owner": "default",
        "job_id": None if job_id is None else str(job_id),
        "host": "receiver.example:443",
        "attempt": 1,
        "first_attempt_at": at,
        "attempted_at": at,
        "took_s": 0.1,
        "outcome": "delivered" if state == "delivered" else "failed",
        "status_code": 200 if state == "delivered" else 500,
        "state": state,
    }
    return WebhookAttempted.model_validate(fields | more)
