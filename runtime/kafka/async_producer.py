"""Writes single records from asyncio code and waits for the broker's acknowledgement. Fed by the gateway.

A plain producer with one polling thread, which passes delivery reports to the event loop.
"""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaError, KafkaException, Producer

from runtime.errors import BrokerUnavailable, Retry
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Output
from runtime.kafka.spans import sending
from schemas import codec

BY_KEY = -1  # no certain partition
DELIVERY_MS = 1500  # then librdkafka drops a record, so that it is not delivered long after the caller got an error
ANSWER_S = 1.9
POLL_S = 0.2
CHECK_S = 1.5


class Unacknowledged(Retry):
    """The broker has not acknowledged the record; it may have it nevertheless."""


class AsyncProducer:
    """For one event loop. `source` names the stage in the CloudEvents headers."""

    def __init__(self, kafka: Kafka, client: str, source: str) -> None:
        self._kafka = kafka
        self._client = client
        self._source = f"murmur/{source}"
        self._producer: Producer | None = None
        self._reports: list[tuple[asyncio.Future[None], KafkaError | None]] = []
        self._polling: threading.Thread | None = None
        self._closed = threading.Event()
        self._holding = ThreadPoolExecutor(1, f"{client}-hold")
        self.unavailable: str | None = None

    def open(self) -> None:
        """Connects in the background; an unavailable broker is not an error here."""
        self._producer = self._kafka.producer(self._client, **{"message.timeout.ms": DELIVERY_MS})
        self._polling = threading.Thread(target=self._poll, args=(self._producer,), name=f"{self._client}-delivery", daemon=True)
        self._polling.start()

    async def send(self, output: Output) -> None:
        """Returns once every replica has the record. Raises Unacknowledged when the broker does not acknowledge it within two
        seconds, and Retry when the record was not even queued."""
        with sending(self._client, self._kafka, output) as traced:
            await self._send(traced)

    async def _send(self, output: Output) -> None:
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queued = False
        try:
            async with asyncio.timeout(ANSWER_S):
                value, headers = output.encoded(self._source)
                await self._admitted(output.topic.name, len(output.key) + len(value or b""))
                self._produce(output, value, headers, acknowledged)
                queued = True
                await acknowledged
        except TimeoutError:
            message = f"the broker did not take a record of {output.topic.name} in time"
            raise Unacknowledged(message) if queued else Retry(message) from None

    async def _admitted(self, topic: str, size_bytes: int) -> None:
        """Waits in one thread for all: with one each, a topic without room would take the threads of all other requests."""
        backpressure = self._kafka.backpressure
        if not backpressure.admit(topic, size_bytes):
            await asyncio.get_running_loop().run_in_executor(self._holding, backpressure.hold, topic, size_bytes)

    def check(self) -> None:
        """Sends the broker a request and sets `unavailable` to the error, if any. Blocks up to 1.5 s."""
        assert self._producer is not None
        try:
            self._producer.list_topics(self._kafka.prefix + "requests", timeout=CHECK_S)
        except KafkaException as error:
            self.unavailable = f"the broker does not answer: {error.args[0].str()}"
        else:
            self.unavailable = None

    def cluster_id(self) -> str:
        """The cluster's id. Blocks; raises BrokerUnavailable when the broker does not answer."""
        assert self._producer is not None
        try:
            return str(self._producer.list_topics(self._kafka.prefix + "requests", timeout=CHECK_S).cluster_id)
        except KafkaException as error:
            raise BrokerUnavailable(f"the broker does not answer: {error.args[0].str()}") from error

    def close(self) -> None:
        """Idempotent. Drops what is not acknowledged: no caller has had a confirmation of it."""
        self._closed.set()
        self._holding.shutdown(wait=False, cancel_futures=True)
        if self._polling is not None:
            self._polling.join()
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(POLL_S)
            self._producer = None
            self._pass_on()

    def _produce(self, output: Output, value: bytes | None, headers: codec.Headers, acknowledged: "asyncio.Future[None]") -> None:
        assert self._producer is not None
        try:
            self._producer.produce(
                self._kafka.name(output.topic),
                key=output.key,
                value=value,
                partition=BY_KEY if output.partition is None else output.partition,
                headers=[*headers],
                on_delivery=lambda error, _message: self._reports.append((acknowledged, error)),
            )
        except BufferError as error:
            raise Retry("too many records wait for the broker") from error
        except KafkaException as error:
            raise Retry(f"the broker did not take a record: {error.args[0].str()}") from error

    def _settle(self, reports: "list[tuple[asyncio.Future[None], KafkaError | None]]") -> None:
        for acknowledged, error in reports:
            self._settle_one(acknowledged, error)

    def _settle_one(self, acknowledged: "asyncio.Future[None]", error: KafkaError | None) -> None:
        if error is not None:
            self.unavailable = f"the broker did not take a record: {error.str()}"
        if acknowledged.done():  # the caller no longer waits
            return
        if error is None:
            acknowledged.set_result(None)
        else:
            acknowledged.set_exception(Unacknowledged(f"the broker did not take a record: {error.str()}"))

    def _poll(self, producer: Producer) -> None:
        while not self._closed.is_set():
            producer.poll(POLL_S)
            self._pass_on()

    def _pass_on(self) -> None:
        """To the event loop, all reports of one poll together: each call costs a busy loop a change of threads."""
        reports, self._reports = self._reports, []
        if reports and not (loop := reports[0][0].get_loop()).is_closed():
            loop.call_soon_threadsafe(self._settle, reports)
