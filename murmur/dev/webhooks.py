"""The webhooks that were not delivered when `murmur dev` ended. Its broker has forgotten them; the gateway's view has not.

An attempt that had ended and was not in the view yet is made again, under the same `webhook-id`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runtime.kafka.messages import Output
from schemas.jobs import TERMINAL, JobChanged
from schemas.topics import WEBHOOK_DELIVERIES
from schemas.webhooks import WebhookAttempted, WebhookDelivery

if TYPE_CHECKING:
    from producers.gateway.view.webhook_book import WebhookBook

LastAttempts = Mapping[tuple[str, str | None], WebhookAttempted | None]


def undelivered(webhooks: "WebhookBook", jobs: Iterable[JobChanged]) -> Iterator[Output]:
    """`jobs`: those that the view has. What has been delivered or given up is left out."""
    from sinks.webhooks.fan_out import OLDEST, deliveries

    now = datetime.now(UTC)
    last = webhooks.last_attempts(now - OLDEST)
    endpoints = [view.endpoint for view in webhooks.endpoints() if view.is_enabled]
    since = {endpoint.endpoint_id: endpoint.receives_since for endpoint in endpoints}
    for job in jobs:
        if job.state not in TERMINAL or now - job.changed_at > OLDEST:
            continue
        own = [endpoint for endpoint in endpoints if endpoint.owner == job.job.owner]
        for delivery in deliveries(job, own, now):
            is_new = delivery.endpoint_id is None or since[delivery.endpoint_id] <= job.changed_at
            if (following := _following(delivery, last, is_new=is_new)) is not None:
                yield Output(WEBHOOK_DELIVERIES, following.recipient, following)


def _following(delivery: WebhookDelivery, last: LastAttempts, *, is_new: bool) -> WebhookDelivery | None:
    """`is_new`: whether the first attempt is due where there was none."""
    key = delivery.webhook_id, delivery.endpoint_id
    if key not in last:
        return delivery if is_new else None
    row = last[key]
    if row is None or row.next_attempt_at is None:
        return None
    again = delivery.model_copy(update={"attempt": row.attempt, "requested_at": row.requested_at})
    return again.next_attempt(row.next_attempt_at, row.first_attempt_at)
