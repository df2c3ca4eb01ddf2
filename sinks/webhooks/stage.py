"""The sink's Kafka side: submits jobs that have ended, and settles each record when its delivery has ended.

Fed by `jobs`. What was in flight at a crash or a stop is delivered after the restart, under the same `webhook-id`.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cachetools import FIFOCache

from runtime import metrics, signing
from runtime.addresses import Guard
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Partition, Received, Step
from runtime.kafka.wakeup import Wakeup
from runtime.logs import get_logger
from runtime.objects.transcripts import Transcripts
from runtime.resources import Resources, Stage
from schemas.codec import Undecodable
from schemas.jobs import JobChanged
from schemas.topics import JOBS
from sinks.webhooks.attempt import Poster
from sinks.webhooks.message import Bodies, is_wanted, webhook_id
from sinks.webhooks.sender import Finished, Sender

log = get_logger(__name__)
NAME = "webhooks"
IN_FLIGHT_MAX = 1024  # records are small and need no metadata; many, so that a failing host does not block the others
REMEMBERED = 10_000  # ids that were delivered: a repeated record is not sent again by the same process
# A broker deletes the offsets of an idle group after a week, and `jobs` is compacted: then every job is delivered again.
OLDEST = timedelta(days=7)
DRAIN_S = 0.5  # at a stop, for POSTs in flight


class Deliveries(Protocol):
    """The part of `Sender` that the handler uses."""

    def start(self) -> None: ...

    def send(self, webhook_id: str, event: JobChanged) -> None: ...

    def cancel(self, webhook_id: str) -> None: ...

    def finished(self) -> Iterator[Finished]: ...

    def close(self) -> None: ...


def build(resources: Resources) -> Stage:
    settings = resources.settings
    signer = signing.signer(settings)
    wakeup = Wakeup()
    sender = None
    if signer is not None:
        poster = Poster(signer, Guard(settings.webhook_allow_private), settings.webhook_timeout_s, now)
        transcripts = Transcripts(resources.objects, settings.work_bucket)
        sender = Sender(transcripts, Bodies.of(settings), poster, wakeup=wakeup)
    return Loop(NAME, resources.kafka, [JOBS], WebhookHandler(sender, now), LoopOptions(drain_s=DRAIN_S, wakeup=wakeup))


def now() -> datetime:
    return datetime.now(UTC)


class WebhookHandler:
    """See `runtime.kafka.messages.Handler`. `sender` is None without a secret: nothing unsigned is sent."""

    def __init__(self, sender: Deliveries | None, clock: Callable[[], datetime]) -> None:
        self._sender = sender
        self._clock = clock
        self._held: dict[str, list[Received[JobChanged | None]]] = {}  # by webhook-id; more than one if a record was repeated
        self._delivered: FIFOCache[str, None] = FIFOCache(REMEMBERED)
        self._complained = False

    def room(self, topic: str) -> int:
        return max(0, IN_FLIGHT_MAX - sum(len(records) for records in self._held.values()))

    def handle(self, records: Sequence[Received[JobChanged | None]]) -> Iterator[Step]:
        for record in records:
            if not self._take(record):
                yield Step(settles=record)
        if self._sender is not None:
            for which, end in self._sender.finished():
                yield from self._end(which, end)

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        if self._sender is not None:
            self._sender.start()

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        gone = set(partitions)
        for which, records in list(self._held.items()):
            kept = [record for record in records if record.partition not in gone]
            if kept:
                self._held[which] = kept
            else:
                del self._held[which]
                self._cancel(which)

    def close(self) -> None:
        self._held.clear()
        if self._sender is not None:
            self._sender.close()

    def _take(self, record: Received[JobChanged | None]) -> bool:
        """Whether it is in flight now; otherwise there is nothing to do."""
        event = record.event
        if event is None:  # the job is gone
            return False
        which = webhook_id(event)
        if not is_wanted(event) or which in self._delivered:
            return False
        if which in self._held:
            self._held[which].append(record)
            return True
        if self._clock() - event.changed_at > OLDEST:
            return _not_sent(event, "too_old", f"the job ended at {event.changed_at.isoformat()}")
        if self._sender is None:
            self._complain()
            return _not_sent(event, "no_secret", "nothing is sent unsigned")
        self._held[which] = [record]
        self._sender.send(which, event)
        return True

    def _end(self, which: str, end: object) -> Iterator[Step]:
        if isinstance(end, Exception) and not isinstance(end, Undecodable):
            raise end
        if end == "delivered":
            self._delivered[which] = None
        dead = end if isinstance(end, Undecodable) else None
        for record in self._held.pop(which, []):
            yield Step(settles=record, dead=dead)
            dead = None  # one dead letter is enough

    def _cancel(self, which: str) -> None:
        if self._sender is not None:
            self._sender.cancel(which)

    def _complain(self) -> None:
        if not self._complained:
            self._complained = True
            log.error("webhooks.refused", error="none can be signed and none is sent: set MURMUR_WEBHOOK_SECRET")


def _not_sent(event: JobChanged, outcome: str, why: str) -> bool:
    """False: it is not in flight."""
    metrics.WEBHOOKS_GIVEN_UP.labels(outcome).inc()
    log.warning("webhook.given_up", job_id=str(event.job.job_id), webhook_id=webhook_id(event), outcome=outcome, error=why)
    return False
