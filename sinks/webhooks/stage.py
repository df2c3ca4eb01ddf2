"""The sink's Kafka side: from a job's state to deliveries, from a delivery to an attempt, and what follows from that.

Fed by `jobs`, by `webhook-deliveries` and by the retry topics, and by `progress` where an endpoint asks for that. A record is
settled when what follows from it is on the broker: what was in flight at a crash or a stop is attempted again after the restart,
under the same `webhook-id`.
"""

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cachetools import FIFOCache

from runtime import signing
from runtime.kafka.delayed import Delayed
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Partition, Received, Step
from runtime.kafka.wakeup import Wakeup
from runtime.reachable import Reachable
from runtime.resources import Resources, Stage
from runtime.sealing import Sealer
from schemas.codec import Undecodable
from schemas.jobs import JobChanged
from schemas.topics import JOBS, WEBHOOK_DELIVERIES, WEBHOOK_RETRIES
from schemas.webhooks import WebhookDelivery
from sinks.webhooks.attempt import Answer, Order, Poster
from sinks.webhooks.courier import Attempted, Postponed, Result
from sinks.webhooks.endpoints import Endpoints, EndpointsFeed
from sinks.webhooks.fan_out import FanOut
from sinks.webhooks.message import Bodies
from sinks.webhooks.orders import Orders
from sinks.webhooks.progress import Progressed
from sinks.webhooks.progress_feed import ProgressFeed
from sinks.webhooks.results import Results
from sinks.webhooks.schedule import Schedule
from sinks.webhooks.sender import Finished, Sender

NAME = "webhooks"
IN_FLIGHT_MAX = 1024  # records are small and need no metadata; many, so that a slow receiver does not block the others
DRAIN_S = 0.5  # at a stop, for POSTs in flight
REMEMBERED = 10_000  # deliveries that succeeded: a record that comes twice is not sent again by the same process
LOOK_AGAIN = timedelta(seconds=2)  # a delivery may arrive before its endpoint, which is read from another topic
Event = JobChanged | WebhookDelivery | None


class Attempts(Protocol):
    """The part of `Sender` that the handler uses."""

    def start(self) -> None: ...

    def send(self, which: Hashable, order: Order) -> None: ...

    def cancel(self, which: Hashable) -> None: ...

    def finished(self) -> Iterator[Finished]: ...

    def close(self) -> None: ...


class Feed(Protocol):
    """The part of `EndpointsFeed` that the handler uses."""

    @property
    def is_current(self) -> bool: ...

    def start(self) -> None: ...

    def check(self) -> None: ...

    def close(self) -> None: ...


class Progress(Protocol):
    """The part of `ProgressFeed` that the handler uses."""

    def follow(self, *, wanted: bool) -> None: ...

    def assigned(self, partitions: Iterable[Partition]) -> None: ...

    def revoked(self, partitions: Iterable[Partition]) -> None: ...

    def new(self) -> Iterator[Progressed]: ...

    def is_superseded(self, delivery: WebhookDelivery) -> bool: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Feeds:
    """What is read beside the inputs."""

    endpoints: Feed
    progress: Progress


@dataclass(frozen=True, slots=True)
class Rules:
    """What follows from a job's state, from a delivery, and from the result of its attempt."""

    fan_out: FanOut
    orders: Orders
    results: Results


def build(resources: Resources) -> Stage:
    """Raises UsageError for keys that cannot sign or decrypt."""
    settings, wakeup = resources.settings, Wakeup()
    schedule, endpoints = Schedule(settings.webhook_delays_s), Endpoints()
    signer = signing.signer(settings)
    poster = Poster(Reachable.for_webhooks(settings), settings.webhook_timeout_s, now)
    # The embedded broker forgets what it has no room for: there all that waits is in memory (and in the gateway's view).
    delayed: Delayed[Event] = Delayed(sys.maxsize if resources.local_state is not None else 1)
    handler = WebhookHandler(
        Sender(resources.transcripts, Bodies.of(settings), poster, schedule.pauses, wakeup),
        Feeds(EndpointsFeed(resources.kafka, endpoints, wakeup), ProgressFeed(resources.kafka, wakeup)),
        Rules(
            FanOut(endpoints, schedule, can_sign=signer is not None),
            Orders(endpoints, schedule, signer, Sealer.of(settings)),
            Results(endpoints, schedule, settings.webhook_disable_after_s),
        ),
        delayed,
        now,
    )
    options = LoopOptions(drain_s=DRAIN_S, wakeup=wakeup, delayed=delayed)
    return Loop(NAME, resources.kafka, [JOBS, WEBHOOK_DELIVERIES, *WEBHOOK_RETRIES], handler, options)


def now() -> datetime:
    return datetime.now(UTC)


class WebhookHandler:
    """See `runtime.kafka.messages.Handler`."""

    def __init__(
        self,
        sender: Attempts,
        feeds: Feeds,
        rules: Rules,
        delayed: Delayed[Event],
        clock: Callable[[], datetime],
    ) -> None:
        self._sender = sender
        self._feed = feeds.endpoints
        self._progress = feeds.progress
        self._rules = rules
        self._delayed = delayed
        self._clock = clock
        self._in_flight: dict[Hashable, tuple[Received[Event], Order]] = {}
        self._early: list[Received[Event]] = []  # before the endpoints are known
        self._unknown: set[Hashable] = set()  # deliveries that are looked at again
        self._delivered: FIFOCache[Hashable, None] = FIFOCache(REMEMBERED)

    def room(self, topic: str) -> int:
        """Nothing before the endpoints are known. Jobs wait while there is enough to send."""
        if not self._feed.is_current:
            return 0
        most = IN_FLIGHT_MAX // 2 if topic == JOBS.name else IN_FLIGHT_MAX
        return max(0, most - len(self._in_flight))

    def handle(self, records: Sequence[Received[Event]]) -> Iterator[Step]:
        self._feed.check()
        self._early += records
        if not self._feed.is_current:
            return
        records, self._early = self._early, []
        now = self._clock()
        for record in records:
            if isinstance(record.event, WebhookDelivery):
                yield from self._received(record, record.event, now)
            else:
                yield Step(self._rules.fan_out.outputs(record.event, now), settles=record)
        for record in self._delayed.due(now):
            assert isinstance(record.event, WebhookDelivery)
            yield from self._received(record, record.event, now)
        for which, result in self._sender.finished():
            yield from self._end(which, result)
        self._progress.follow(wanted=self._rules.fan_out.wants_progress)
        for progressed in self._progress.new():
            yield Step(self._rules.fan_out.progressed(progressed, now))

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        self._feed.start()
        self._progress.assigned(partitions)

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        self._progress.revoked(partitions)
        gone = set(partitions)
        self._early = [record for record in self._early if record.partition not in gone]
        self._delayed.forget(gone)
        for which, (record, _) in list(self._in_flight.items()):
            if record.partition in gone:
                del self._in_flight[which]
                self._sender.cancel(which)
        self._unknown.clear()

    def close(self) -> None:
        self._in_flight.clear()
        self._sender.close()
        self._feed.close()
        self._progress.close()

    def _received(self, record: Received[Event], delivery: WebhookDelivery, now: datetime) -> Iterator[Step]:
        """Attempted if it is due, else kept, or written again where others wait behind it."""
        if delivery.due_at <= now:
            yield from self._take(record, delivery)
        elif delivery.wakes_at > now:
            self._delayed.keep(record, delivery.wakes_at)
        else:
            yield Step(self._rules.results.requeued(delivery, now), settles=record)

    def _take(self, record: Received[Event], delivery: WebhookDelivery) -> Iterator[Step]:
        """Attempts it, unless it is clear without that what comes of it."""
        now, which = self._clock(), (record.partition, record.offset)
        is_repeat = delivery.requested_at is None and _identity(delivery) in self._delivered
        if is_repeat or self._progress.is_superseded(delivery):
            yield Step(settles=record)
            return
        order = self._rules.orders.order(delivery, now)
        if isinstance(order, Order):
            self._in_flight[which] = record, order
            self._sender.start()
            self._sender.send(which, order)
        elif order.outcome == "endpoint_deleted" and which not in self._unknown:
            self._unknown.add(which)
            self._delayed.keep(record, now + LOOK_AGAIN)
        else:
            self._unknown.discard(which)
            attempted = Attempted(order, now, 0.0)
            yield Step(self._rules.results.attempted(delivery, self._rules.orders.url(delivery), attempted, now), settles=record)

    def _end(self, which: Hashable, result: Result | Exception) -> Iterator[Step]:
        if isinstance(result, Exception) and not isinstance(result, Undecodable):
            raise result
        record, order = self._in_flight.pop(which, (None, None))
        if record is None or order is None:
            return
        if isinstance(result, Undecodable):
            gone = Attempted(Answer("transcript_gone", str(result)), self._clock(), 0.0)
            yield Step(self._outputs(order, gone), settles=record, dead=result)
        else:
            yield Step(self._outputs(order, result), settles=record)

    def _outputs(self, order: Order, result: Result) -> Sequence[Output]:
        if isinstance(result, Postponed):
            return self._rules.results.postponed(order.delivery, result, self._clock())
        if result.answer.outcome == "delivered":
            self._delivered[_identity(order.delivery)] = None
        return self._rules.results.attempted(order.delivery, order.url, result, self._clock())


def _identity(delivery: WebhookDelivery) -> Hashable:
    return delivery.webhook_id, delivery.endpoint_id
