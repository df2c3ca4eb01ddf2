"""The metrics sink as a stage: runs the Faust app in its own event loop, publishes its figures, and monitors it.

Fed by `app.py` and `waiting.py`; feeds `stats` and the Prometheus registry.
"""

import asyncio
import threading
import time
from collections import Counter as Counts
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from runtime.errors import KafkaFault, UsageError
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.client import Kafka
from runtime.kafka.start import wait_for_broker
from runtime.logs import get_logger
from runtime.outage import Outage
from schemas.topics import JOBS, METRICS_UNFINISHED_CHANGELOG, METRICS_WINDOWS_CHANGELOG, STATS
from sinks.metrics.gauges import Gauges
from sinks.metrics.log_throttle import throttle_logs
from sinks.metrics.publishing import Figures, Publisher
from sinks.metrics.waiting import Waiting
from sinks.metrics.watchdog import Watchdog

if TYPE_CHECKING:
    from sinks.metrics.app import Counter

log = get_logger(__name__)
LOOK_S = 0.25
SNAPSHOT_S = 2.0
EXPIRE_S = 60.0
START_S = 60.0
ANSWER_S = 5.0
CHANGELOGS = (METRICS_WINDOWS_CHANGELOG, METRICS_UNFINISHED_CHANGELOG)
STOP_S = 1.5  # for an orderly stop of Faust; after a crash it may hang


class MetricsSink:
    """A Stage. `run()` raises FaustFault within 5 s of a crash inside Faust; the caller decides what happens to the process.
    A thread of Faust that hangs even then is abandoned; it is a daemon thread, and no longer in the group.

    It has no server: `registry` is served by the process that it runs in. `interactive_max_s`: longest file of the fast lane."""

    name = "metrics"

    def __init__(self, kafka: Kafka, registry: CollectorRegistry, interactive_max_s: float) -> None:
        self._kafka = kafka
        self._interactive_max_s = interactive_max_s
        self._registry = registry
        self._stopping = threading.Event()
        self._not_ready: str | None = "the metrics sink is starting"
        self._outage = Outage(self.name)

    def stop(self) -> None:
        self._stopping.set()

    def not_ready(self) -> str | None:
        return self._outage.reason or self._not_ready

    def run(self) -> None:
        gauges = Gauges(_now)
        with ExitStack() as stack:
            stack.callback(self._set_not_ready, "the metrics sink has ended")
            if not wait_for_broker(self._kafka, self._outage, check, self._stopping):  # Faust would end without one
                return
            stack.enter_context(_shown(gauges, self._registry))
            waiting = Waiting(self._kafka)
            waiting.start()
            stack.callback(waiting.stop, STOP_S)  # a request to an unavailable broker takes longer; it is a daemon thread
            _run_to_completion(self._main(gauges, waiting))

    def _set_not_ready(self, not_ready: str | None) -> None:
        self._not_ready = not_ready

    async def _main(self, gauges: Gauges, waiting: Waiting) -> None:
        from sinks.metrics.app import Counter

        throttle_logs()
        counter = Counter(self._kafka, self._interactive_max_s)
        producer = AsyncProducer(self._kafka, "metrics", "metrics")
        producer.open()
        try:
            await self._started(counter)
            await self._watch(counter, Publisher(producer), gauges, waiting)
        finally:
            await _within(counter.stop(), STOP_S)
            await _within(counter.close(), STOP_S)
            producer.close()

    async def _started(self, counter: "Counter") -> None:
        """Returns early on `stop()`. Raises KafkaFault when Faust cannot start, usually since the broker is unavailable."""
        start = asyncio.ensure_future(counter.start())
        until_s = time.monotonic() + START_S
        while not start.done() and not self._stopping.is_set() and counter.crash is None and time.monotonic() < until_s:
            await asyncio.wait({start}, timeout=LOOK_S)
        if self._stopping.is_set():
            return
        error = counter.crash or (start.exception() if start.done() else TimeoutError(f"after {START_S:.0f} s"))
        if error is not None:
            raise KafkaFault(f"Faust does not start: {error!r}") from error
        log.info("faust.started")

    async def _watch(self, counter: "Counter", publisher: Publisher, gauges: Gauges, waiting: Waiting) -> None:
        """Until `stop()`. Raises FaustFault when Faust no longer works."""
        watchdog = Watchdog(counter)
        due_s = expire_s = 0.0
        while not self._stopping.is_set():
            watchdog.check(time.monotonic())
            waiting.check()
            self._set_not_ready("the tables of the metrics sink are being restored" if counter.recovering else None)
            if not counter.recovering and time.monotonic() >= due_s:
                due_s = time.monotonic() + SNAPSHOT_S
                if time.monotonic() >= expire_s:
                    expire_s = time.monotonic() + EXPIRE_S
                    counter.expire(_now())
                gauges.jobs, gauges.queue = tuple(counter.figures(_now())), waiting.figures
                gauges.lag = waiting.lag
                figures: list[Figures] = [*gauges.jobs, *([gauges.queue] if gauges.queue else [])]
                await publisher.publish(figures, _now())
            await asyncio.sleep(LOOK_S)


def check(kafka: Kafka) -> None:
    """Needed since Faust reports that it is ready even without its topics. Raises UsageError when one is missing or the
    changelogs do not have as many partitions as `jobs`; BrokerUnavailable when the broker does not answer."""
    partitions = kafka.offsets.partitions((JOBS, STATS, *CHANGELOGS), ANSWER_S)
    counts = Counts(partition.topic for partition in partitions)
    for changelog in CHANGELOGS:
        if counts[changelog.name] != counts[JOBS.name]:
            raise UsageError(
                f"{kafka.name(changelog)} has {counts[changelog.name]} partitions and {kafka.name(JOBS)} {counts[JOBS.name]}: "
                "delete the former (only the figures of a day are lost) and create it again with the same number"
            )


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _shown(gauges: Gauges, registry: CollectorRegistry) -> Iterator[None]:
    registry.register(gauges)
    try:
        yield
    finally:
        registry.unregister(gauges)


def _run_to_completion(main: Coroutine[Any, Any, None]) -> None:
    """`asyncio.run` with a bounded shutdown: `asyncio.run` would wait without end for a task that Faust cannot end."""
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)  # Faust uses the thread's loop
        loop.run_until_complete(main)
    finally:
        until_s = time.monotonic() + STOP_S
        while (left := asyncio.all_tasks(loop)) and time.monotonic() < until_s:  # repeatedly: Faust restarts cancelled agents
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=LOOK_S))
        asyncio.set_event_loop(None)
        loop.close()


async def _within(work: Coroutine[Any, Any, None], timeout_s: float) -> None:
    """Waits no longer than that; logs what `work` raises, since the reason for the end is more important."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=timeout_s)
    if not done:
        log.warning("faust.left", wait_s=timeout_s)
    elif error := task.exception():
        log.warning("faust.failed", error=repr(error))
