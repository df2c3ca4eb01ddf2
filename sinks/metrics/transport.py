"""Faust's Kafka transport as murmur needs it: committed records only, no loss at the end of a recovery, a heartbeat.

Used by `app.py`. What is overridden here failed in Faust 0.15 (docs/decisions/0005).
"""

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.threads import WorkerThread

from runtime.logs import get_logger

log = get_logger(__name__)
FETCH_WAIT_MS = 500  # of an idle topic: with the embedded broker, whose fetches are not woken, a job is counted that much later
STOP_S = 1.0


class DaemonWorkerThread(WorkerThread):
    """Does not keep the process alive: after a crash, a thread that hangs is waited for only briefly."""

    def __init__(self, service: Any, **kwargs: Any) -> None:
        super().__init__(service, **kwargs)
        self.daemon = True

    def run(self) -> None:
        """An exception that ends the thread has crashed the app as well, where the stage detects it; here it is only logged."""
        try:
            super().run()
        except (Exception, asyncio.CancelledError) as error:
            log.error("faust.failed", error=repr(error))

    def stop(self) -> None:
        """Called on the event loop's thread, which it blocks."""
        self.is_stopped.wait(STOP_S)
        self.join(STOP_S)


CHANGELOG = "-changelog"  # suffix of the topics that tables are rebuilt from, as in schemas.topics


class Thread(driver.AIOKafkaConsumerThread):
    """`heartbeat_s`: when the broker last confirmed our membership, by the monotonic clock."""

    heartbeat_s = 0.0

    def _create_worker_consumer(self, transport: Any) -> Any:
        """Sets read_committed, which Faust sets only in its exactly-once mode: `jobs` is written in transactions."""
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator
        beat = coordinator._do_heartbeat

        async def watched() -> bool:
            is_member = bool(await beat())
            if is_member:
                self.heartbeat_s = time.monotonic()
            return is_member

        coordinator._do_heartbeat = watched
        self.heartbeat_s = time.monotonic()

    def unread(self) -> dict[TP, int]:
        """The position in each partition that has committed records not read yet. Positions count the
        markers that end transactions, commits do not: so only positions show that everything was read. The tables'
        changelogs are read only while a table recovers; after that this app itself writes beyond its position there."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = subscription.assignment if subscription is not None else None
        if assignment is None:
            return {}
        states = {tp: assignment.state_value(tp) for tp in assignment.tps if not tp.topic.endswith(CHANGELOG)}
        return {tp: state.position for tp, state in states.items() if state.has_valid_position and state.position < _end(state)}


def _end(state: Any) -> int:
    """The end of what may be read: the last stable offset, which is -1 on brokers without transactions."""
    known = state.lso if state.lso is not None and state.lso >= 0 else state.highwater
    return int(known or 0)


class Consumer(driver.Consumer):
    """`committing_since_s`: when the commit in flight began, by the monotonic clock.

    `_late`: source partitions that are resumed only when recovery has emptied the streams' queues; records read before that
    would be discarded."""

    committing_since_s: float | None = None
    _late: frozenset[TP] = frozenset()

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon, Worker=DaemonWorkerThread)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        """With a copy of the set: the original may become empty in the other thread, which would mean all partitions."""
        copy = None if active_partitions is None else set(active_partitions)
        return await super()._getmany(active_partitions=copy, timeout=timeout)

    def _new_offset(self, tp: TP) -> int | None:
        """The offset to commit: after the newest record that was counted, and not past one in flight. Gaps between counted
        records are transaction markers or compacted records. Faust's own calculation skips one such gap in each commit, so
        on a topic that is written in transactions its lag grows without end."""
        in_flight = min((message.offset for message in self.unacked if message.tp == tp), default=None)
        counted = [offset for offset in self._acked[tp] if in_flight is None or offset < in_flight]
        if not counted:
            return None
        self._acked[tp] = [offset for offset in self._acked[tp] if in_flight is not None and offset >= in_flight]
        self._acked_index[tp].difference_update(counted)
        return max(counted) + 1

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        self.committing_since_s = time.monotonic()
        try:
            return bool(await super()._commit_offsets(offsets, start_new_transaction))
        finally:
            self.committing_since_s = None

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Not kept: see `_new_offset`."""

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        given = frozenset(tps)
        self._late = frozenset(tp for tp in given if not self._is_changelog_tp(tp))
        super().resume_partitions(given - self._late)

    def resume_flow(self) -> None:
        super().resume_flow()
        late, self._late = self._late, frozenset()
        if late:
            super().resume_partitions(late)


class Transport(driver.Transport):
    Consumer = Consumer


def install(app: Any) -> None:
    """Gives the app this transport."""
    app.transport = Transport(app.conf.broker, app)


async def close(app: Any) -> None:
    """Cleans up after a Faust that could not start or could not stop. A consumer thread that kept running would keep sending
    heartbeats, and so keep partitions that are not read. When cancelled, it leaves the group and ends."""
    service = app.consumer._thread
    loop: asyncio.AbstractEventLoop = service.thread_loop
    if loop.is_running():
        loop.call_soon_threadsafe(_cancel_all, loop)
        service._thread.join(STOP_S)
    elif not loop.is_closed():
        loop.close()
    producer = app.producer._producer
    if producer is not None:
        await producer.stop()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()


def credentials(common: Mapping[str, Any]) -> Any:
    """librdkafka's settings as Faust's credentials; None for a plain connection."""
    protocol = common.get("security.protocol", "PLAINTEXT")
    context = ssl.create_default_context(cafile=common.get("ssl.ca.location")) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=common["sasl.username"],
            password=common["sasl.password"],
            mechanism=common["sasl.mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
