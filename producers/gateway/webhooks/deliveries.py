"""`/api/webhook-deliveries`: the delivery log. And what makes further deliveries: test an endpoint, send an event again.

A delivery is a record on `webhook-deliveries`; the webhook sink sends it, and what comes of it is read from `webhook-attempts`.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiohttp import web
from pydantic import Field

from producers.gateway.access.caller import caller_of
from producers.gateway.documents.webhooks import DeliveryLog, DeliveryStateName, Resent, TestResult
from producers.gateway.http import paging
from producers.gateway.http.paging import LIMIT_DEFAULT, LIMIT_SCHEMA, LIMIT_TEXT, Cursor, Limit, Time
from producers.gateway.http.problems import Problem
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Body, Query, Route, query_of
from producers.gateway.parts import Parts
from producers.gateway.submission.json_body import read_model
from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.webhook_filter import OF_THE_JOB, AttemptFilter
from producers.gateway.webhooks import attempts
from producers.gateway.webhooks.endpoints import BODIES, ONE, TAG
from producers.gateway.webhooks.registry import Registry
from producers.gateway.webhooks.requests import Resend, ResendOne, in_order
from producers.gateway.webhooks.resending import Resending, test_of
from runtime.kafka.messages import Output
from schemas.topics import WEBHOOK_DELIVERIES
from schemas.webhooks import WebhookAttempted, WebhookDelivery

DELIVERIES = "/api/webhook-deliveries"
TEST_SLACK_S = 10.0  # that the attempt of a test may take longer than its time limit: it waits for its turn


class LogQuery(Query):
    """Which attempts to list: those that match all parameters."""

    endpoint_id: str | None = Field(None, description=f"only to this endpoint; `{OF_THE_JOB}`: only to the jobs' webhook_url")
    task_id: str | None = Field(None, description="only of events of this job")
    type: str | None = Field(None, description="only of events of this type")
    state: DeliveryStateName | None = Field(None, description="only those after which the delivery was in this state")
    owner: str | None = Field(None, description="only of this owner")
    since: Time | None = Field(None, description="only attempts at this time or later; without a zone: UTC")
    until: Time | None = Field(None, description="only attempts before this time")
    limit: Limit = Field(LIMIT_DEFAULT, ge=1, description=LIMIT_TEXT, json_schema_extra={**LIMIT_SCHEMA})
    cursor: Cursor = Field(None, description="`next_cursor` of an earlier response: the attempts that follow")

    def which(self, owner: str | None) -> AttemptFilter:
        state = None if self.state is None else attempts.RECORDED[self.state]
        return AttemptFilter(owner, self.endpoint_id, self.task_id, self.type, state, self.since, self.until)


class Deliveries:
    def __init__(self, parts: Parts, registry: Registry) -> None:
        self._view = parts.view
        self._producer = parts.producer
        self._wakeups = parts.wakeups
        self._registry = registry
        self._resending = Resending(parts, registry)
        self._test_s = parts.resources.settings.webhook_timeout_s + TEST_SLACK_S

    def routes(self) -> list[Route]:
        return [
            Route("GET", DELIVERIES, self.log, "The attempts to deliver", TAG, query=LogQuery, responses={200: DeliveryLog}),
            Route(
                "POST",
                f"{DELIVERIES}/{{webhook_id}}/resend",
                self.resend_one,
                "Send the end of a job again, to the job's webhook_url or to an endpoint",
                TAG,
                body=Body(ResendOne, is_optional=True),
                responses={202: Resent},
                problems=(*BODIES, "unknown_delivery", "unknown_endpoint", "endpoint_disabled", "no_webhook_secret"),
            ),
            Route(
                "POST",
                f"{ONE}/resend",
                self.resend,
                "Send an endpoint the ends of jobs that it has not received, from a time on",
                TAG,
                body=Resend,
                responses={202: Resent},
                problems=(*BODIES, "unknown_endpoint", "endpoint_disabled"),
            ),
            Route(
                "POST",
                f"{ONE}/test",
                self.test,
                "Send a signed webhook.test, and wait for what comes of it",
                TAG,
                responses={200: TestResult},
                problems=("unknown_endpoint", "no_attempt"),
            ),
        ]

    async def log(self, request: web.Request) -> web.Response:
        page, scope = query_of(request, LogQuery), caller_of(request).scope
        owner = page.owner or scope
        if scope not in (None, owner):  # the caller may not see the deliveries of that owner
            return json_response({"attempts": [], "next_cursor": None})
        rows = await asyncio.to_thread(self._view.webhooks.attempts, page.limit, page.which(owner), page.cursor)
        following = paging.cursor(*attempts.place(rows[-1])) if len(rows) == page.limit else None
        return json_response({"attempts": [attempts.document(row) for row in rows], "next_cursor": following})

    async def resend_one(self, request: web.Request) -> web.Response:
        caller = caller_of(request)
        event = await self._resending.ended(request.match_info["webhook_id"], caller)
        body = await read_model(request, ResendOne, optional=True)
        delivery = await self._resending.one(event, body.endpoint_id, caller)
        await self._resend([delivery])
        return _resent(1, None)

    async def resend(self, request: web.Request) -> web.Response:
        endpoint = await self._resending.enabled(request.match_info["endpoint_id"], caller_of(request))
        body, now = await read_model(request, Resend), datetime.now(UTC)
        span = in_order(body.since, min(body.until or now, now))
        batch = await self._resending.since(endpoint, span, delivered=body.delivered)
        await self._resend(batch.deliveries)
        return _resent(len(batch.deliveries), batch.next_since)

    async def test(self, request: web.Request) -> web.Response:
        """Also of an endpoint that is disabled: it may work again."""
        found = await self._registry.find(request.match_info["endpoint_id"], caller_of(request))
        delivery = test_of(found.endpoint, f"msg_{uuid4().hex}", datetime.now(UTC))
        with self._wakeups.listen(delivery.webhook_id) as changed:
            await self._send([delivery])
            row = await self._attempted(delivery, changed)
        return json_response({"delivered": row.state == "delivered", "attempt": attempts.document(row)})

    async def _attempted(self, delivery: WebhookDelivery, changed: asyncio.Event) -> WebhookAttempted:
        """Raises Problem 504."""
        try:
            async with asyncio.timeout(self._test_s):
                while not self._wakeups.closed:
                    changed.clear()
                    if row := self._view.webhooks.last_attempt(delivery.webhook_id, delivery.recipient):
                        return row
                    await changed.wait()
        except TimeoutError:
            pass
        detail = "No attempt was made yet: is the webhook sink running? The delivery log will have it."
        raise Problem(504, "no_attempt", detail, webhook_id=delivery.webhook_id)

    async def _resend(self, deliveries: Sequence[WebhookDelivery]) -> None:
        """Raises Retry."""
        await self._send(deliveries)
        with contextlib.suppress(ViewUnavailable):  # only a successor of the embedded broker would read it
            await asyncio.to_thread(self._view.resend, deliveries)

    async def _send(self, deliveries: Sequence[WebhookDelivery]) -> None:
        """Returns when the broker has them. Raises Retry."""
        outputs = [Output(WEBHOOK_DELIVERIES, delivery.recipient, delivery) for delivery in deliveries]
        await asyncio.gather(*map(self._producer.send, outputs))


def _resent(count: int, next_since: datetime | None) -> web.Response:
    message = f"{count} requested" if next_since is None else f"{count} requested; there are more"
    body: dict[str, Any] = {"success": True, "count": count, "next_since": next_since, "message": message}
    return json_response(body, 202)
