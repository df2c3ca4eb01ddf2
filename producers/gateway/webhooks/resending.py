"""Which deliveries a request to send again makes: the ends of jobs, which the view has, whether they were attempted or not."""

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from producers.gateway.access.caller import Caller
from producers.gateway.http.problems import Problem
from producers.gateway.parts import Parts
from producers.gateway.webhooks.registry import Registry, unknown_endpoint
from runtime.webhook_events import ENDS, OF_STATE, TEST, webhook_id
from schemas.jobs import JobChanged
from schemas.webhooks import WebhookDelivery, WebhookEndpoint

BATCH_MAX = 500  # deliveries of one request
MESSAGE = re.compile(r"msg_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[a-z]+")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Batch:
    """`next_since`: where to continue; None: there is nothing more."""

    deliveries: list[WebhookDelivery]
    next_since: datetime | None


class Resending:
    """Raises Retry, and Problems for what cannot be sent again."""

    def __init__(self, parts: Parts, registry: Registry) -> None:
        self._view = parts.view
        self._freshness = parts.freshness
        self._registry = registry
        self._can_sign = parts.resources.settings.webhook_secret is not None

    async def one(self, event: JobChanged, endpoint_id: str | None, caller: Caller) -> WebhookDelivery:
        """To an endpoint, or to the job's own URL. Raises Problem 404 for what the caller may not see, 409 for an endpoint that
        is disabled."""
        if endpoint_id is None:
            if event.job.webhook_url is None:
                raise _unknown(webhook_id(event), "the job has no webhook_url: name an endpoint")
            if not self._can_sign:
                raise Problem(400, "no_webhook_secret", "Webhooks to a webhook_url cannot be signed here.")
            return resent(event, None, datetime.now(UTC))
        endpoint = await self.enabled(endpoint_id, caller)
        if endpoint.owner != event.job.owner:
            raise unknown_endpoint(endpoint_id)
        return resent(event, endpoint, datetime.now(UTC))

    async def since(self, endpoint: WebhookEndpoint, span: tuple[datetime, datetime], *, delivered: bool) -> Batch:
        """Those that the endpoint subscribes to and has not received; with `delivered` all of them."""
        await self._freshness.reached()
        span = (max(span[0], EPOCH), span[1])
        found = await asyncio.to_thread(
            self._view.webhooks.ended_since, endpoint, endpoint.events or ENDS, span, BATCH_MAX + 1, delivered=delivered
        )
        now = datetime.now(UTC)
        return Batch(
            [resent(event, endpoint, now) for event in found[:BATCH_MAX]],
            found[BATCH_MAX].changed_at if len(found) > BATCH_MAX else None,
        )

    async def ended(self, message_id: str, caller: Caller) -> JobChanged:
        """The end of a job that this message is about. Raises Problem 404."""
        match = MESSAGE.fullmatch(message_id)
        if match is None:
            raise _unknown(message_id, "only the end of a job can be sent again, whose id is msg_<task_id>_<state>")
        event = self._view.jobs.last(UUID(match[1]))
        if event is None:
            await self._freshness.reached()
            event = self._view.jobs.last(UUID(match[1]))
        if event is None or not caller.may_see(event.job.owner) or webhook_id(event) != message_id or not _is_end(event):
            raise _unknown(message_id, "no job ended so")
        return event

    async def enabled(self, endpoint_id: str, caller: Caller) -> WebhookEndpoint:
        """Raises Problem 404, and 409 for one that is disabled."""
        found = await self._registry.find(endpoint_id, caller)
        if not found.is_enabled:
            raise Problem(409, "endpoint_disabled", "The endpoint is disabled: enable it first.")
        return found.endpoint


def test_of(endpoint: WebhookEndpoint, message_id: str, now: datetime) -> WebhookDelivery:
    return WebhookDelivery(
        webhook_id=message_id,
        type=TEST,
        owner=endpoint.owner,
        created_at=now,
        data={"endpoint_id": endpoint.endpoint_id, "message": "a test, which its owner has requested"},
        endpoint_id=endpoint.endpoint_id,
        due_at=now,
        requested_at=now,
    )


def resent(event: JobChanged, endpoint: WebhookEndpoint | None, now: datetime) -> WebhookDelivery:
    """Of a delivery that is requested now, with the id of the first one, so that the receiver recognises what it has."""
    return WebhookDelivery(
        webhook_id=webhook_id(event),
        type=OF_STATE[event.state],
        owner=event.job.owner,
        created_at=event.changed_at,
        job=event,
        endpoint_id=endpoint.endpoint_id if endpoint is not None else None,
        url=event.job.webhook_url if endpoint is None else None,
        due_at=now,
        requested_at=now,
        trace=event.job.trace,
    )


def _is_end(event: JobChanged) -> bool:
    return OF_STATE.get(event.state) in ENDS


def _unknown(message_id: str, why: str) -> Problem:
    return Problem(404, "unknown_delivery", f"There is no delivery {message_id[:80]!r}: {why}.")
