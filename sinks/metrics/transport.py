"""Faust's Kafka transport as murmur needs it: it begins a day ago, reads committed records only, and its thread cannot block the
end of the process.

Used by `app.py`. What is overridden here, and why: docs/decisions/0005.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Set
from typing import Any, cast

from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.threads import WorkerThread

from runtime.kafka.client import SESSION_TIMEOUT_MS, Kafka
from runtime.kafka.group_offsets import aiokafka_settings
from runtime.logs import get_logger

log = get_logger(__name__)
FETCH_WAIT_MS = 500  # of an idle topic: with the embedded broker, whose fetches are not woken, a job is counted that much later
STOP_S = 1.5

Begin = Callable[[Set[TP]], Awaitable[Mapping[TP, int]]]


class DaemonWorkerThread(WorkerThread):
    """Does not keep the process alive: a thread that hangs is waited for only briefly."""

    def __init__(self, service: Any, **kwargs: Any) -> None:
        super().__init__(service, **kwargs)
        self.daemon = True
        service.worker = self

    def run(self) -> None:
        """An exception that ends the thread has crashed the app as well, where the stage detects it; here it is only logged."""
        try:
            super().run()
        except (Exception, asyncio.CancelledError) as error:
            log.error("faust.failed", error=repr(error))

    def stop(self) -> None:
        """Called on the event loop's thread, which it blocks."""
        self.join(STOP_S)


class Thread(driver.AIOKafkaConsumerThread):
    """`worker`: once it has started."""

    Worker = DaemonWorkerThread
    worker: DaemonWorkerThread

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(**transport.settings)


class Consumer(driver.Consumer):
    """Commits nothing: after each rebalance it reads on where `begin` says. `thread`: reads, in an event loop of its own."""

    thread: Thread

    def _new_consumer_thread(self) -> Thread:
        self.thread = Thread(self, loop=self.loop, beacon=self.beacon)
        return self.thread

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Called by Faust after a rebalance, before it passes on any record."""
        offsets: Mapping[TP, int] = await cast(Transport, self.transport).begin(self.assignment())
        await self.seek_wait(offsets)
        return offsets

    async def leave(self) -> None:
        """After a Faust that could not start or could not stop. A thread that kept running would keep sending heartbeats, and so
        keep partitions that are not read. When cancelled, it leaves the group and ends."""
        loop = self.thread.thread_loop
        if loop.is_running():
            loop.call_soon_threadsafe(_cancel_all, loop)
            await asyncio.to_thread(self.thread.worker.join, STOP_S)
        elif not loop.is_closed():
            loop.close()


class Transport(driver.Transport):
    """`settings`: of the consumer. `begin`: where to begin to read each partition."""

    Consumer = Consumer

    def __init__(self, app: Any, settings: Mapping[str, Any], begin: Begin) -> None:
        super().__init__(app.conf.broker, app)
        self.settings = settings
        self.begin = begin


def consumer_settings(kafka: Kafka, group: str) -> dict[str, Any]:
    session_ms = int(kafka.consumer_extra.get("session.timeout.ms", SESSION_TIMEOUT_MS))
    return {
        **aiokafka_settings(kafka.client_config("metrics")),
        "group_id": kafka.group(group),
        "group_instance_id": f"{kafka.instance}-metrics" if kafka.instance else None,
        "session_timeout_ms": session_ms,
        "rebalance_timeout_ms": session_ms,
        "heartbeat_interval_ms": session_ms // 3,  # a rebalance need not be noticed as soon as by other stages
        "request_timeout_ms": 30_000,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "fetch_max_wait_ms": FETCH_WAIT_MS,
    }


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
