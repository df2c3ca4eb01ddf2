"""The webhooks that were not delivered when `murmur dev` ended. Its broker has forgotten them; the gateway's view has not.

An attempt that had ended and was not in the view yet is made again, under the same `webhook-id`. A `webhook.test` is not: whoever
has requested it waits for the answer.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runtime.kafka.messages import Output
from runtime.webhook_events import webhook_id
from schemas.jobs import TERMINAL, JobChanged
from schemas.topics import WEBHOOK_DELIVERIES
from schemas.webhooks import WebhookAttempted, WebhookDelivery, WebhookEndpoint

if TYPE_CHECKING:
    from producers.gateway.view.webhook_book import WebhookBook

Key = tuple[str, str | None]  # message and endpoint; None: the job's own URL
LastAttempts = Mapping[Key, WebhookAttempted | None]


def undelivered(webhooks: "WebhookBook", jobs: Sequence[JobChanged]) -> Iterator[Output]:
    """`jobs`: those that the view has. What has been delivered or given up is left out. Not so what waits for an endpoint that is
    disabled now: the sink gives it up, or sends it if the endpoint is enabled again before it is due."""
    from sinks.webhooks.fan_out import OLDEST

    now = datetime.now(UTC)
    last, resends = webhooks.last_attempts(now - OLDEST), webhooks.resends()
    views = webhooks.endpoints()
    endpoints = {view.endpoint.endpoint_id: view.endpoint for view in views}
    since = {view.endpoint.endpoint_id: view.endpoint.receives_since for view in views if view.is_enabled}
    recent = [job for job in jobs if job.state in TERMINAL and now - job.changed_at <= OLDEST]
    for delivery in (*_of_jobs(recent, endpoints, now), *_notices(webhooks, endpoints, now)):
        key = delivery.webhook_id, delivery.endpoint_id
        is_new = delivery.endpoint_id is None or since.get(delivery.endpoint_id, now) <= delivery.created_at
        if key not in resends and (following := _following(delivery, last, is_new=is_new)) is not None:
            yield Output(WEBHOOK_DELIVERIES, following.recipient, following)
    for delivery in _resent(resends, jobs, endpoints):
        row = last.get((delivery.webhook_id, delivery.endpoint_id))
        is_begun = row is not None and row.requested_at == delivery.requested_at
        following = _after(delivery, row) if is_begun else delivery
        if following is not None:
            yield Output(WEBHOOK_DELIVERIES, following.recipient, following)


def _of_jobs(jobs: Iterable[JobChanged], endpoints: Mapping[str, WebhookEndpoint], now: datetime) -> Iterator[WebhookDelivery]:
    from sinks.webhooks.fan_out import deliveries

    for job in jobs:
        yield from deliveries(job, [endpoint for endpoint in endpoints.values() if endpoint.owner == job.job.owner], now)


def _notices(webhooks: "WebhookBook", endpoints: Mapping[str, WebhookEndpoint], now: datetime) -> Iterator[WebhookDelivery]:
    """That an endpoint was disabled, for the others of its owner."""
    from sinks.webhooks.fan_out import OLDEST
    from sinks.webhooks.notices import disabled

    for view in webhooks.endpoints():
        state = view.current_state
        if state is not None and state.disabled_at is not None and now - state.changed_at <= OLDEST:
            yield from disabled(state, [other for other in endpoints.values() if other.owner == view.endpoint.owner], now)


def _resent(
    resends: Mapping[Key, datetime], jobs: Iterable[JobChanged], endpoints: Mapping[str, WebhookEndpoint]
) -> Iterator[WebhookDelivery]:
    """First attempts of what was to be sent again, to recipients that are still there."""
    from producers.gateway.webhooks.resending import resent

    ends = {webhook_id(job): job for job in jobs if job.state in TERMINAL} if resends else {}
    for (message, endpoint_id), requested_at in resends.items():
        endpoint = endpoints.get(endpoint_id) if endpoint_id is not None else None
        if message in ends and (endpoint_id is None or endpoint is not None):
            yield resent(ends[message], endpoint, requested_at)


def _following(delivery: WebhookDelivery, last: LastAttempts, *, is_new: bool) -> WebhookDelivery | None:
    """`is_new`: whether the first attempt is due where there was none."""
    key = delivery.webhook_id, delivery.endpoint_id
    if key not in last:
        return delivery if is_new else None
    return _after(delivery, last[key])


def _after(delivery: WebhookDelivery, row: WebhookAttempted | None) -> WebhookDelivery | None:
    """The attempt after that one. None: there is none."""
    if row is None or row.next_attempt_at is None:
        return None
    again = delivery.model_copy(update={"attempt": row.attempt, "requested_at": row.requested_at})
    return again.next_attempt(row.next_attempt_at, row.first_attempt_at)
