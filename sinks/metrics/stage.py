"""The metrics sink as a stage: runs the Faust app in its own event loop, publishes its figures, and monitors it.

Fed by `app.py` and `waiting.py`; feeds `stats` and the Prometheus registry.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine
from contextlib import ExitStack
from datetime import UTC, datetime
from logging import CRITICAL
from typing import TYPE_CHECKING, Any, TypeVar

from prometheus_client import CollectorRegistry

from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.client import Kafka
from runtime.kafka.start import wait_for_broker
from runtime.logs import get_logger, hide
from runtime.outage import Outage
from schemas.topics import JOBS, STATS
from sinks.metrics.gauges import Gauges
from sinks.metrics.publishing import Publisher
from sinks.metrics.waiting import Waiting
from sinks.metrics.watchdog import FaustFault

if TYPE_CHECKING:
    from sinks.metrics.app import Counter

Answer = TypeVar("Answer")
log = get_logger(__name__)
LOOK_S = 0.25
SNAPSHOT_S = 2.0
CHECK_S = 10.0
START_S = 60.0
ANSWER_S = 5.0
HANGS_S = 30.0  # for an answer of Faust's thread, which does nothing but reading
STOP_S = 1.5
# Without a broker they write thousands of lines a minute, where `Outage` writes one. A crash is the cause of a FaustFault.
SILENT = ("aiokafka", "faust", "mode")


class MetricsSink:
    """A Stage. `run()` raises FaustFault within 5 s of a crash inside Faust; the caller decides what happens to the process.
    A thread of Faust that hangs even then is abandoned; it is a daemon thread, and no longer in the group.

    It has no server: `registry` is served by the process that it runs in."""

    name = "metrics"

    def __init__(self, kafka: Kafka, registry: CollectorRegistry) -> None:
        self._kafka = kafka
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
            self._registry.register(gauges)
            stack.callback(self._registry.unregister, gauges)
            waiting = Waiting(self._kafka)
            waiting.start()
            stack.callback(waiting.stop, STOP_S)  # a request to an unavailable broker takes longer; it is a daemon thread
            _run_to_completion(self._main(gauges, waiting))

    def _set_not_ready(self, not_ready: str | None) -> None:
        self._not_ready = not_ready

    async def _main(self, gauges: Gauges, waiting: Waiting) -> None:
        from sinks.metrics.app import Counter

        hide(*SILENT, below=CRITICAL)
        counter = Counter(self._kafka)
        producer = AsyncProducer(self._kafka, "metrics", "metrics")
        producer.open()
        try:
            await self._answer(counter, counter.start(), START_S)
            log.info("faust.started")
            await self._watch(counter, Publisher(producer), gauges, waiting)
        except _Stopped:
            pass
        finally:
            await counter.close()
            producer.close()

    async def _watch(self, counter: "Counter", publisher: Publisher, gauges: Gauges, waiting: Waiting) -> None:
        """Until `stop()`. Raises FaustFault when Faust no longer works."""
        check_s = 0.0
        while True:
            waiting.check()
            if time.monotonic() >= check_s:
                check_s = time.monotonic() + CHECK_S
                await self._answer(counter, counter.check(), HANGS_S)
            caught_up = await self._answer(counter, counter.has_caught_up(), HANGS_S)
            self._set_not_ready(None if caught_up else "the last day of jobs is being read")
            if caught_up:
                gauges.jobs, gauges.queue, gauges.lag = tuple(counter.figures(_now())), waiting.figures, waiting.lag
                await publisher.publish([*gauges.jobs, *([gauges.queue] if gauges.queue else [])], _now())
            await self._answer(counter, asyncio.sleep(SNAPSHOT_S if caught_up else LOOK_S), HANGS_S)

    async def _answer(self, counter: "Counter", work: Coroutine[Any, Any, Answer], timeout_s: float) -> Answer:
        """Of Faust. Raises FaustFault when it crashes meanwhile or does not return in time, and _Stopped after `stop()`."""
        task, until_s = asyncio.ensure_future(work), time.monotonic() + timeout_s
        try:
            while not task.done() and not self._stopping.is_set() and counter.crash is None and time.monotonic() < until_s:
                await asyncio.wait({task}, timeout=LOOK_S)
        finally:
            task.cancel()
        if self._stopping.is_set():
            raise _Stopped
        if (crash := counter.crash) is not None:
            raise FaustFault(f"Faust has crashed: {crash!r}") from crash
        if not task.done():
            raise FaustFault(f"Faust has not answered for {timeout_s:.0f} s")
        return task.result()


class _Stopped(Exception):
    """`stop()` was called."""


def check(kafka: Kafka) -> None:
    """Needed since Faust reports that it is ready even without its topic. Raises UsageError when one is missing,
    BrokerUnavailable when the broker does not answer."""
    kafka.offsets.partitions((JOBS, STATS), ANSWER_S)


def _now() -> datetime:
    return datetime.now(UTC)


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
