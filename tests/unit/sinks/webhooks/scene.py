"""Deliveries and endpoints for the unit tests of the webhook sink."""

from datetime import UTC, datetime, timedelta
from typing import Any

from runtime.signing import Signer
from schemas.webhooks import WebhookDelivery, WebhookEndpoint
from sinks.webhooks.attempt import Order
from tests.ended import SECRET, ended

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
URL = "https://receiver.example/hook?token=hidden"
SIGNER = Signer(SECRET)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def delivery(number: int = 1, **fields: Any) -> WebhookDelivery:
    """Of a job that has failed, to its own URL."""
    job = ended(URL, number, at=NOW)
    usual = {"webhook_id": f"msg_{number}_failure", "type": "transcription.failed", "owner": "default", "job": job, "url": URL}
    return WebhookDelivery.model_validate({"created_at": NOW, "due_at": NOW, **usual, **fields})


def registered(endpoint_id: str = "ep_1", **fields: Any) -> WebhookEndpoint:
    long_ago = NOW - timedelta(days=30)
    times = {"created_at": long_ago, "changed_at": long_ago, "enabled_at": long_ago}
    usual = {"owner": "default", "url": "https://registered.example/", "secrets": [{"secret": SECRET, "created_at": long_ago}]}
    return WebhookEndpoint.model_validate({"endpoint_id": endpoint_id, **times, **usual, **fields})


def order(number: int = 1, host: str = "receiver", url: str = URL, **options: Any) -> Order:
    return Order(delivery(number), host, url, SIGNER, **options)
