"""From a delivery to what is sent: the URL, the keys that sign, and how much an attempt matters."""

from datetime import datetime, timedelta

from yarl import URL

from runtime.errors import UsageError
from runtime.sealing import CannotOpen, Sealer
from runtime.signing import Signer
from runtime.webhook_events import ONCE, TEST
from schemas.webhooks import WebhookDelivery, WebhookEndpoint
from sinks.webhooks.attempt import Answer, Order
from sinks.webhooks.endpoints import Endpoints
from sinks.webhooks.schedule import QUICK_POSTPONEMENTS, Schedule


class Orders:
    """`signer`: of the jobs' own URLs."""

    def __init__(self, endpoints: Endpoints, schedule: Schedule, signer: Signer | None, sealer: Sealer) -> None:
        self._endpoints = endpoints
        self._schedule = schedule
        self._signer = signer
        self._sealer = sealer

    def order(self, delivery: WebhookDelivery, now: datetime) -> Order | Answer:
        """An answer: it cannot be sent."""
        if delivery.endpoint_id is None:
            if self._signer is None:
                return Answer("not_signed", "set MURMUR_WEBHOOK_SECRET")
            return self._to(delivery, delivery.url or "", self._signer, now)
        endpoint = self._endpoints.get(delivery.endpoint_id)
        if endpoint is None:
            return Answer("endpoint_deleted", "the endpoint is not registered any more")
        if not self._endpoints.is_enabled(endpoint) and delivery.type != TEST:
            return Answer("endpoint_disabled", "the endpoint is disabled")
        try:
            return self._to(delivery, endpoint.url, self._signer_of(endpoint, now), now)
        except (UsageError, CannotOpen) as error:
            return Answer("not_signed", str(error))

    def url(self, delivery: WebhookDelivery) -> str:
        """Empty: not known any more."""
        if delivery.endpoint_id is None:
            return delivery.url or ""
        endpoint = self._endpoints.get(delivery.endpoint_id)
        return endpoint.url if endpoint is not None else ""

    def _signer_of(self, endpoint: WebhookEndpoint, now: datetime) -> Signer:
        return Signer(*(self._sealer.open(secret) for secret in endpoint.secrets_at(now)))

    def _to(self, delivery: WebhookDelivery, url: str, signer: Signer, now: datetime) -> Order:
        """Postponed for twice the time of the schedule at most: what its receiver cannot take by then counts as failed. An open
        circuit postpones only some times in a row: then it counts as an attempt, which the delivery log shows."""
        is_test = delivery.type == TEST
        is_young = now - (delivery.requested_at or delivery.created_at) < timedelta(seconds=2 * self._schedule.horizon_s)
        is_last = is_test or (delivery.type not in ONCE and self._schedule.is_last(delivery.attempt))
        may_wait = is_young and not is_test
        may_wait_for_probe = may_wait and delivery.postponed < QUICK_POSTPONEMENTS
        return Order(delivery, _host(delivery, url), url, signer, is_last, may_wait, may_wait_for_probe)


def _host(delivery: WebhookDelivery, url: str) -> str:
    """Owners share no connection, nor do endpoints; jobs' own URLs do where owner and origin are the same."""
    try:
        parsed = URL(url)
        origin = f"{parsed.scheme}://{parsed.raw_host}:{parsed.port}"
    except ValueError:
        origin = ""
    return f"{delivery.owner} {delivery.endpoint_id or ''} {origin}"
