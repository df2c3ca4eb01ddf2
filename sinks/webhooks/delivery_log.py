"""What follows from the result of an attempt: a row of the delivery log, a line of the log, and the next attempt."""

from dataclasses import dataclass
from datetime import datetime

from runtime import metrics
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from runtime.webhook_events import ONCE, PROGRESS
from runtime.webhooks import host_of
from schemas.topics import WEBHOOK_ATTEMPTS
from schemas.webhooks import DeliveryState, WebhookAttempted, WebhookDelivery
from sinks.webhooks.attempt import FINAL, NOT_SENT, Answer
from sinks.webhooks.courier import Attempted, Postponed
from sinks.webhooks.schedule import Due, Schedule

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryLog:
    """What it returns has to be on the broker before the delivery is settled."""

    schedule: Schedule

    def attempted(self, delivery: WebhookDelivery, url: str, result: Attempted, now: datetime) -> list[Output]:
        answer = result.answer
        due = self._next(delivery, answer, result.pause_s, now)
        state: DeliveryState = "delivered" if answer.outcome == "delivered" else "pending" if due else "given_up"
        row = _row(delivery, url, result, state, due)
        outputs = [Output(WEBHOOK_ATTEMPTS, row.webhook_id, row)]
        if due is not None:
            outputs.append(_waiting(delivery.next_attempt(due.at, result.at), due))
        _count(row)
        _write(row, now)
        return outputs

    def postponed(self, delivery: WebhookDelivery, result: Postponed, now: datetime) -> list[Output]:
        """No attempt, so no row."""
        due = self.schedule.postponed(result.wait_s, delivery.postponed, now)
        metrics.WEBHOOKS_POSTPONED.inc()
        return [_waiting(delivery.postponed_until(due.at), due)]

    def requeued(self, delivery: WebhookDelivery, now: datetime) -> list[Output]:
        """What is to be looked at again before it is due."""
        return [_waiting(delivery, self.schedule.requeued(delivery.due_at, now))]

    def _next(self, delivery: WebhookDelivery, answer: Answer, pause_s: float, now: datetime) -> Due | None:
        if answer.outcome == "delivered" or answer.outcome in FINAL or delivery.type in ONCE:
            return None
        return self.schedule.after(delivery.attempt, now, max(answer.after_s or 0.0, pause_s))


def _waiting(delivery: WebhookDelivery, due: Due) -> Output:
    return Output(due.topic, delivery.recipient, delivery.requeued(due.requeue_at))


def _row(delivery: WebhookDelivery, url: str, result: Attempted, state: DeliveryState, due: Due | None) -> WebhookAttempted:
    answer = result.answer
    return WebhookAttempted(
        webhook_id=delivery.webhook_id,
        type=delivery.type,
        owner=delivery.owner,
        job_id=delivery.job_id,
        endpoint_id=delivery.endpoint_id,
        host=host_of(url),
        attempt=delivery.attempt,
        first_attempt_at=delivery.first_attempt_at or result.at,
        attempted_at=result.at,
        took_s=round(result.took_s, 4),
        outcome=answer.outcome,
        status_code=answer.status_code,
        detail=answer.detail,
        response=answer.response,
        state=state,
        next_attempt_at=due.at if due is not None else None,
        requested_at=delivery.requested_at,
        trace=delivery.trace,
    )


def _count(row: WebhookAttempted) -> None:
    if row.outcome not in NOT_SENT:
        metrics.WEBHOOK_ATTEMPTS.labels(row.outcome).inc()
        metrics.WEBHOOK_SECONDS.observe(row.took_s)
    if row.state == "given_up" and row.type != PROGRESS:  # of which nothing is missed: there will be another event
        metrics.WEBHOOKS_GIVEN_UP.labels(row.outcome).inc()


def _write(row: WebhookAttempted, now: datetime) -> None:
    """One line, whatever came of it."""
    fields = {
        "job_id": row.job_id,
        "webhook_id": row.webhook_id,
        "endpoint_id": row.endpoint_id,
        "trace_id": row.trace_id,
        "host": row.host,
        "attempt": row.attempt,
        "outcome": row.outcome,
        "attempt_s": row.took_s,
    }
    if row.state == "delivered":
        log.info("webhook.delivered", **fields)
    elif row.next_attempt_at is not None:
        log.warning("webhook.failed", **fields, error=row.detail, wait_s=(row.next_attempt_at - now).total_seconds())
    else:
        log.warning("webhook.given_up", **fields, error=row.detail)
