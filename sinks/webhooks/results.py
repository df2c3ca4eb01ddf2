"""From the result of an attempt to the records that follow from it: the delivery log, the next attempt, the endpoint's state."""

from collections.abc import Iterator
from datetime import datetime

from runtime import metrics
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from runtime.webhook_events import TEST
from schemas.topics import WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINT_STATES
from schemas.webhooks import WebhookDelivery, WebhookEndpoint, WebhookEndpointState
from sinks.webhooks import notices
from sinks.webhooks.attempt import NOT_SENT
from sinks.webhooks.courier import Attempted
from sinks.webhooks.delivery_log import DeliveryLog
from sinks.webhooks.endpoints import Endpoints, Health
from sinks.webhooks.schedule import Schedule

log = get_logger(__name__)


class Results:
    def __init__(self, endpoints: Endpoints, schedule: Schedule, disable_after_s: float) -> None:
        self._endpoints = endpoints
        self._schedule = schedule
        self._health = Health(endpoints, disable_after_s)
        self._log = DeliveryLog(schedule)
        self.postponed = self._log.postponed
        self.requeued = self._log.requeued

    def attempted(self, delivery: WebhookDelivery, url: str, result: Attempted, now: datetime) -> list[Output]:
        outputs = self._log.attempted(delivery, url, result, now)
        endpoint = self._endpoints.get(delivery.endpoint_id) if delivery.endpoint_id is not None else None
        if endpoint is None or delivery.type == TEST or result.answer.outcome in NOT_SENT:
            return outputs
        state = self._health.after(endpoint, result.answer.outcome, result.at)
        if state is None:
            return outputs
        outputs.append(Output(WEBHOOK_ENDPOINT_STATES, endpoint.endpoint_id, state))
        return outputs if state.disabled_at is None else [*outputs, *self._disabled(endpoint, state, now)]

    def _disabled(self, endpoint: WebhookEndpoint, state: WebhookEndpointState, now: datetime) -> Iterator[Output]:
        """Says so in the log, and to other endpoints of the owner that want to be notified."""
        reason = state.reason or ""
        metrics.WEBHOOK_ENDPOINTS_DISABLED.labels(reason).inc()
        log.warning("webhook.endpoint_disabled", endpoint_id=endpoint.endpoint_id, reason=reason)
        for notice in notices.disabled(state, self._endpoints.enabled_of(endpoint.owner), self._schedule.first(now)):
            yield Output(WEBHOOK_DELIVERIES, notice.recipient, notice)
