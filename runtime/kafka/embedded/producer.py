"""One producer for all stages of the embedded broker's process, and what each of them has of it.

A thread serves the delivery reports as they come: watermarks rise at once, whatever the stage that wrote is doing. The stage's
own callbacks wait until it polls, in its own thread, as with a producer of its own.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from runtime.kafka.embedded.watermarks import PartitionName, Watermarks
from runtime.kafka.wakeup import Wakeup

POLL_S = 1.0
Delivered = Callable[[KafkaError | None, Message], None]


class ReportingProducer(Producer):
    """A `Producer` whose deliveries raise the watermarks when they are polled."""

    def __init__(self, config: dict[str, Any], watermarks: Watermarks) -> None:
        self._watermarks = watermarks
        super().__init__(config)

    def produce(  # type: ignore[override]  # by keyword only
        self, topic: str, value: Any = None, *, on_delivery: Delivered | None = None, **record: Any
    ) -> None:
        super().produce(topic, value, on_delivery=partial(self._delivered, on_delivery), **record)

    def _delivered(self, on_delivery: Delivered | None, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._watermarks.rise(PartitionName(message.topic() or "", message.partition() or 0), (message.offset() or 0) + 1)
        if on_delivery is not None:
            on_delivery(error, message)


class SharedProducer:
    """Connects with the first stage that asks for it. `close()` when no stage writes any more."""

    def __init__(self, config: dict[str, Any], watermarks: Watermarks) -> None:
        self._config = config
        self._watermarks = watermarks
        self._lock = threading.Lock()
        self._producer: ReportingProducer | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="deliveries", daemon=True)

    def share(self, wakeup: Wakeup | None) -> "StageProducer":
        """`wakeup` is set when a delivery report waits to be polled."""
        with self._lock:
            if self._producer is None:
                self._producer = ReportingProducer(self._config, self._watermarks)
                self._thread.start()
            return StageProducer(self._producer, wakeup)

    def close(self) -> None:
        """Idempotent, finished on return. What is not delivered by now dies with the broker."""
        self._closed.set()
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            self._thread.join()
            producer.close()

    def _serve(self) -> None:
        producer = self._producer
        assert producer is not None
        while not self._closed.is_set():
            producer.poll(POLL_S)


class StageProducer(Producer):
    """A `Producer` without a client of its own, for one stage: what the stage does not use of a producer is refused."""

    def __init__(self, shared: Producer, wakeup: Wakeup | None) -> None:
        """Not `super().__init__`, which makes the client."""
        self._shared = shared
        self._wakeup = wakeup
        self._reports: deque[tuple[Delivered | None, KafkaError | None, Message]] = deque()
        self._reported = threading.Condition()
        self._outstanding = 0
        self._purges = 0

    def produce(  # type: ignore[override]  # by keyword only
        self, topic: str, value: Any = None, *, on_delivery: Delivered | None = None, **record: Any
    ) -> None:
        with self._reported:
            self._outstanding += 1
            report = partial(self._report, self._purges, on_delivery)
        try:
            with _closed_is_an_error():
                self._shared.produce(topic, value, on_delivery=report, **record)
        except BaseException:
            with self._reported:
                self._outstanding -= 1
            raise

    def poll(self, timeout: float = -1) -> int:
        """Serves the delivery reports that are there; waits up to `timeout` for the first."""
        with self._reported:
            if not self._reports and timeout != 0:
                self._reported.wait_for(lambda: self._reports, None if timeout < 0 else timeout)
            reports, self._reports = self._reports, deque()
        for on_delivery, error, message in reports:
            if on_delivery is not None:
                on_delivery(error, message)
        return len(reports)

    def flush(self, timeout: float = -1) -> int:
        """Waits for the reports of all that was produced; how many are missing when the time is over."""
        until_s = None if timeout < 0 else time.monotonic() + timeout
        self.poll(0)
        while left := len(self):
            if until_s is not None and time.monotonic() >= until_s:
                return left
            self.poll(-1 if until_s is None else max(0.0, until_s - time.monotonic()))
        return 0

    def purge(self, *_which: Any, **_options: Any) -> None:
        """Reports of what was produced until now are no longer waited for."""
        with self._reported:
            self._reports.clear()
            self._outstanding = 0
            self._purges += 1

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        with _closed_is_an_error():
            return (
                self._shared.list_topics(timeout=timeout) if topic is None else self._shared.list_topics(topic, timeout=timeout)
            )

    def close(self) -> bool:
        self.purge()
        return True

    def __len__(self) -> int:
        with self._reported:
            return self._outstanding + len(self._reports)

    def _report(self, purges: int, on_delivery: Delivered | None, error: KafkaError | None, message: Message) -> None:
        """In the thread that serves the shared producer."""
        with self._reported:
            if purges != self._purges:
                return
            self._outstanding -= 1
            self._reports.append((on_delivery, error, message))
            self._reported.notify_all()
        if self._wakeup is not None:
            self._wakeup.set()


@contextmanager
def _closed_is_an_error() -> Iterator[None]:
    """The broker has ended before the stage: as if it could not be reached."""
    try:
        yield
    except RuntimeError as error:
        raise KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN, str(error))) from error
