"""From a job's state, or its progress, to the deliveries that follow: to the job's own URL, and to the endpoints of its owner."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from runtime import metrics
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from runtime.webhook_events import ENDS, OF_STATE, PROGRESS, progress_id, webhook_id
from schemas.jobs import JobChanged
from schemas.topics import WEBHOOK_DELIVERIES
from schemas.webhooks import WebhookDelivery, WebhookEndpoint
from sinks.webhooks.endpoints import Endpoints
from sinks.webhooks.message import is_wanted
from sinks.webhooks.progress import Progressed
from sinks.webhooks.schedule import Schedule

log = get_logger(__name__)
# A broker deletes the offsets of an idle group after a week, and `jobs` is compacted: then every job is read again.
OLDEST = timedelta(days=7)


class FanOut:
    """`can_sign`: whether there is a key for the jobs' own URLs. Without one nothing is sent to them."""

    def __init__(self, endpoints: Endpoints, schedule: Schedule, *, can_sign: bool) -> None:
        self._endpoints = endpoints
        self._schedule = schedule
        self._can_sign = can_sign
        self._has_logged = False

    def outputs(self, job: JobChanged | None, now: datetime) -> list[Output]:
        """None: the job has been deleted."""
        if job is None:
            return []
        found = deliveries(job, self._endpoints.enabled_of(job.job.owner), self._schedule.first(now))
        return [
            Output(WEBHOOK_DELIVERIES, delivery.recipient, delivery)
            for delivery in found
            if self._is_possible(delivery, job, now)
        ]

    @property
    def wants_progress(self) -> bool:
        return self._endpoints.want_progress

    def progressed(self, progressed: Progressed, now: datetime) -> list[Output]:
        """To the endpoints that ask for it."""
        return [
            Output(WEBHOOK_DELIVERIES, endpoint.endpoint_id, _of_progress(progressed, endpoint, now), may_be_lost=True)
            for endpoint in self._endpoints.enabled_of(progressed.job.job.owner)
            if PROGRESS in endpoint.events
        ]

    def _is_possible(self, delivery: WebhookDelivery, job: JobChanged, now: datetime) -> bool:
        if now - job.changed_at > OLDEST:
            return _not_sent(delivery, "too_old", f"the job ended at {job.changed_at.isoformat()}")
        if delivery.endpoint_id is None and not self._can_sign:
            if not self._has_logged:
                self._has_logged = True
                log.error("webhooks.refused", error="no job's webhook can be signed and none is sent: set MURMUR_WEBHOOK_SECRET")
            return _not_sent(delivery, "no_secret", "nothing is sent unsigned")
        return True


def deliveries(job: JobChanged, endpoints: Iterable[WebhookEndpoint], due_at: datetime) -> Iterator[WebhookDelivery]:
    """`endpoints`: of the job's owner, those that are enabled. The first attempt of each is due at `due_at`. Pure."""
    if (event_type := OF_STATE.get(job.state)) is None:
        return
    delivery = WebhookDelivery(
        webhook_id=webhook_id(job),
        type=event_type,
        owner=job.job.owner,
        created_at=job.changed_at,
        job=job,
        due_at=due_at,
        trace=job.job.trace,
    )
    if is_wanted(job):
        yield delivery.model_copy(update={"url": job.job.webhook_url})
    for endpoint in endpoints:
        if event_type in (endpoint.events or ENDS) and endpoint.created_at <= job.changed_at:
            yield delivery.model_copy(update={"endpoint_id": endpoint.endpoint_id})


def _of_progress(progressed: Progressed, endpoint: WebhookEndpoint, now: datetime) -> WebhookDelivery:
    job = progressed.job
    return WebhookDelivery(
        webhook_id=progress_id(job.job.job_id, progressed.percent),
        type=PROGRESS,
        owner=job.job.owner,
        created_at=progressed.at,
        job=job,
        progress=progressed.progress,
        endpoint_id=endpoint.endpoint_id,
        due_at=now,
        trace=job.job.trace,
    )


def _not_sent(delivery: WebhookDelivery, outcome: str, why: str) -> bool:
    """False."""
    metrics.WEBHOOKS_GIVEN_UP.labels(outcome).inc()
    log.warning("webhook.given_up", job_id=delivery.job_id, webhook_id=delivery.webhook_id, outcome=outcome, error=why)
    return False
