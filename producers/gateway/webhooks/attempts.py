"""Attempts of the delivery log as documents, and the deliveries of a job. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from producers.gateway.documents.webhooks import DeliveryStateName
from producers.gateway.view.job_view import JobView
from producers.gateway.view.webhook_book import KEPT_S, Attempts, EndpointView
from producers.gateway.view.webhook_filter import AttemptPlace
from runtime.webhook_events import ENDS, OF_STATE, message_id
from runtime.webhooks import host_of
from schemas.webhooks import DeliveryState, WebhookAttempted

KEPT = timedelta(seconds=KEPT_S)
SHOWN: Mapping[DeliveryState, DeliveryStateName] = {"pending": "pending", "delivered": "delivered", "given_up": "failed"}
RECORDED: Mapping[DeliveryStateName, DeliveryState] = {shown: recorded for recorded, shown in SHOWN.items()}


def place(row: WebhookAttempted) -> AttemptPlace:
    return row.attempted_at.timestamp(), row.event_id


def document(row: WebhookAttempted) -> dict[str, Any]:
    return {
        "webhook_id": row.webhook_id,
        "type": row.type,
        "owner": row.owner,
        "task_id": row.job_id,
        "endpoint_id": row.endpoint_id,
        "host": row.host,
        "attempt": row.attempt,
        "state": SHOWN[row.state],
        "outcome": row.outcome,
        "status_code": row.status_code,
        "detail": row.detail,
        "response": row.response,
        "took_s": row.took_s,
        "first_attempt_at": row.first_attempt_at,
        "attempted_at": row.attempted_at,
        "next_attempt_at": row.next_attempt_at,
        "resend_requested_at": row.requested_at,
    }


def of_job(job: JobView, known: Sequence[Attempts], endpoints: Sequence[EndpointView], now: datetime) -> list[dict[str, Any]]:
    """What became of the events about a job. One for its own URL is there from the start, those for `endpoints`, which are of its
    owner, from its end."""
    shown = [_webhook(attempts) for attempts in known]
    if job.ended_at is not None and now - job.ended_at > KEPT:
        return shown
    if job.job.webhook_url is not None and not any(attempts.last.endpoint_id is None for attempts in known):
        shown.insert(0, _expected(job, None, job.job.webhook_url))
    attempted = {(attempts.last.endpoint_id, attempts.last.type) for attempts in known}
    for view in endpoints:
        if _awaits(view, job) and (view.endpoint.endpoint_id, OF_STATE[job.state]) not in attempted:
            shown.append(_expected(job, view.endpoint.endpoint_id, view.endpoint.url))
    return shown


def has_expected_endpoints(shown: Sequence[Mapping[str, Any]]) -> bool:
    """Whether some of these go when an endpoint is changed."""
    return any(webhook["endpoint_id"] is not None and not webhook["attempts"] for webhook in shown)


def _awaits(view: EndpointView, job: JobView) -> bool:
    """Whether the end of the job is sent to it."""
    endpoint = view.endpoint
    is_wanted = job.ended and OF_STATE[job.state] in (endpoint.events or ENDS)
    return is_wanted and view.is_enabled and max(endpoint.created_at, endpoint.receives_since) <= job.changed_at


def _webhook(attempts: Attempts) -> dict[str, Any]:
    """Delivered once is delivered, whatever came of a repeat."""
    last = attempts.last
    return {
        "webhook_id": last.webhook_id,
        "type": last.type,
        "endpoint_id": last.endpoint_id,
        "host": last.host,
        "state": "delivered" if attempts.is_delivered else SHOWN[last.state],
        "attempts": attempts.count,
        "last_attempt_at": last.attempted_at,
        "outcome": last.outcome,
        "status_code": last.status_code,
        "next_attempt_at": last.next_attempt_at if not attempts.is_delivered else None,
    }


def _expected(job: JobView, endpoint_id: str | None, url: str) -> dict[str, Any]:
    event_type = OF_STATE[job.state] if job.ended else None
    return {
        "webhook_id": message_id(job.job_id, job.state) if job.ended else None,
        "type": event_type,
        "endpoint_id": endpoint_id,
        "host": host_of(url),
        "state": "pending",
        "attempts": 0,
        "last_attempt_at": None,
        "outcome": None,
        "status_code": None,
        "next_attempt_at": None,
    }
