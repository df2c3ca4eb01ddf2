"""Writes registered endpoints to `webhook-endpoints`, and finds them in the view. Any gateway does either.

A change replaces the whole record. Two changes of one endpoint at the same moment, at two gateways, are one: the later one.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from producers.gateway.access.caller import Caller
from producers.gateway.http.problems import Problem
from producers.gateway.view.feed import Freshness
from producers.gateway.view.view import View
from producers.gateway.view.webhook_book import EndpointView
from producers.gateway.webhooks.requests import NewEndpoint, Rotation
from runtime import signing
from runtime.errors import Retry
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from runtime.sealing import Sealer
from schemas.topics import WEBHOOK_ENDPOINTS
from schemas.webhooks import WebhookEndpoint, WebhookSecret

log = get_logger(__name__)
ENDPOINTS_MAX = 100  # of one owner: an event is sent to each
INSTANT = timedelta(microseconds=1)
Change = Callable[[WebhookEndpoint, datetime], WebhookEndpoint]


class Registry:
    """For one event loop. `freshness`: of `webhook-endpoints`. Everything raises Retry."""

    def __init__(self, producer: AsyncProducer, view: View, freshness: Freshness, sealer: Sealer) -> None:
        self._producer = producer
        self._view = view
        self._freshness = freshness
        self._sealer = sealer
        self._changing = asyncio.Lock()

    async def find(self, endpoint_id: str, caller: Caller) -> EndpointView:
        """Raises Problem 404 only when every gateway would, or for an endpoint that the caller may not see."""
        found = self._visible(endpoint_id, caller)
        if found is None:
            await self._freshness.reached()
            found = self._visible(endpoint_id, caller)
        if found is None:
            raise unknown_endpoint(endpoint_id)
        return found

    async def create(self, new: NewEndpoint, owner: str) -> tuple[EndpointView, str]:
        """With its key. Raises Problem 409."""
        async with self._changing:
            await self._freshness.reached()
            if len(await asyncio.to_thread(self._view.webhooks.endpoints, owner)) >= ENDPOINTS_MAX:
                raise Problem(409, "too_many_endpoints", f"There are {ENDPOINTS_MAX} endpoints already: delete one.")
            now = datetime.now(UTC)
            key = new.secret or (signing.new_secret() if new.signature == "hmac" else signing.new_private_key())
            endpoint = WebhookEndpoint(
                endpoint_id=f"ep_{uuid4().hex}",
                owner=owner,
                url=new.url,
                description=new.description,
                secrets=(WebhookSecret(secret=self._sealer.seal(key), created_at=now),),
                events=new.events or (),
                enabled_at=now,
                created_at=now,
                changed_at=now,
            )
            await self._write("created", endpoint.endpoint_id, endpoint)
        return EndpointView(endpoint), key

    async def change(self, endpoint_id: str, caller: Caller, what: str, change: Change) -> EndpointView:
        """`change`: from the endpoint as it is, and the time of the change, which is later than any earlier one. `what`: for the
        log. Raises Problem 404."""
        async with self._changing:
            await self._freshness.reached()
            found = await self.find(endpoint_id, caller)
            now = max(datetime.now(UTC), found.endpoint.changed_at + INSTANT)
            changed = change(found.endpoint, now)
            if changed != found.endpoint:
                changed = changed.model_copy(update={"changed_at": now})
                await self._write(what, endpoint_id, changed)
        return EndpointView(changed, found.state)

    async def rotate(self, endpoint_id: str, caller: Caller, rotation: Rotation) -> tuple[EndpointView, str]:
        """With the new key, of the kind of the present one. Raises Problem 404, and 400 for a secret of another kind."""
        found = await self.find(endpoint_id, caller)
        is_private = self.public_key(found.endpoint.secrets[-1]) is not None
        if is_private and rotation.secret is not None:
            raise Problem(400, "bad_option", "A secret is only for an endpoint with the signature hmac.", field="secret")
        key = rotation.secret or (signing.new_private_key() if is_private else signing.new_secret())
        sealed, overlap = self._sealer.seal(key), timedelta(seconds=rotation.overlap_s)

        def rotated(endpoint: WebhookEndpoint, now: datetime) -> WebhookEndpoint:
            kept = [_until(secret, now + overlap) for secret in endpoint.secrets]
            kept = [secret for secret in kept if secret.valid_until is not None and secret.valid_until > now]
            if len(kept) >= signing.KEYS_MAX:
                raise Problem(409, "too_many_keys", f"{signing.KEYS_MAX} keys sign already: wait until one of them expires.")
            return endpoint.model_copy(update={"secrets": (*kept, WebhookSecret(secret=sealed, created_at=now))})

        return await self.change(endpoint_id, caller, "rotated", rotated), key

    async def delete(self, endpoint_id: str, caller: Caller) -> None:
        """Raises Problem 404."""
        async with self._changing:
            await self.find(endpoint_id, caller)
            await self._write("deleted", endpoint_id, None)

    def public_key(self, secret: WebhookSecret) -> str | None:
        """None: it is shared. Raises Retry for one that this installation cannot open."""
        return signing.public_key(self._sealer.open(secret.secret))

    def _visible(self, endpoint_id: str, caller: Caller) -> EndpointView | None:
        found = self._view.webhooks.endpoint(endpoint_id)
        return found if found is not None and caller.may_see(found.endpoint.owner) else None

    async def _write(self, what: str, endpoint_id: str, endpoint: WebhookEndpoint | None) -> None:
        """Returns when the broker has it, and, unless that takes too long, this gateway's view."""
        await self._producer.send(Output(WEBHOOK_ENDPOINTS, endpoint_id, endpoint))
        log.info("webhook.endpoint_changed", endpoint_id=endpoint_id, change=what)
        with contextlib.suppress(Retry):
            await self._freshness.reached()


def unknown_endpoint(endpoint_id: str) -> Problem:
    return Problem(404, "unknown_endpoint", f"There is no endpoint {endpoint_id[:80]!r}.")


def _until(secret: WebhookSecret, end: datetime) -> WebhookSecret:
    """Valid until then at most."""
    end = end if secret.valid_until is None else min(end, secret.valid_until)
    return secret.model_copy(update={"valid_until": end})
