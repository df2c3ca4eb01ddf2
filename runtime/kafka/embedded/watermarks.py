"""The high watermark of every partition, as far as this process has seen. Wakes the consumers of a topic when one rises.

Fed by the deliveries of this process's producers at once, and by the broker's answer for what other processes write.
"""

import threading
from collections.abc import Iterable
from typing import NamedTuple

from runtime.errors import BrokerUnavailable, UsageError
from runtime.kafka.offsets import Offsets
from runtime.kafka.wakeup import Wakeup
from runtime.logs import get_logger
from schemas.topics import BY_NAME

log = get_logger(__name__)
ASK_EVERY_S = 1.0  # how late a record of another process may be read
ANSWER_S = 5.0


class PartitionName(NamedTuple):
    """`topic` is the full name, as librdkafka has it."""

    topic: str
    partition: int


class Watermarks:
    """From any thread. `close()` ends its own thread, which asks the broker."""

    def __init__(self, prefix: str, offsets: Offsets) -> None:
        self._prefix = prefix
        self._offsets = offsets
        self._known: dict[PartitionName, int] = {}
        self._listeners: dict[object, tuple[Wakeup, frozenset[str]]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._ask_again, name="watermarks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def of(self, partition: PartitionName) -> int:
        """The offset that the next record will have; 0 when none was seen."""
        return self._known.get(partition, 0)

    def rise(self, partition: PartitionName, end: int) -> None:
        """Never falls. Wakes the listeners of the topic."""
        with self._lock:
            if end <= self._known.get(partition, 0):
                return
            self._known[partition] = end
            woken = [wakeup for wakeup, topics in self._listeners.values() if partition.topic in topics]
        for wakeup in woken:
            wakeup.nudge()

    def listen(self, listener: object, wakeup: Wakeup, topics: Iterable[str]) -> None:
        """Nudges `wakeup` from now on. Replaces what the listener listened to before."""
        with self._lock:
            self._listeners[listener] = wakeup, frozenset(topics)

    def forget(self, listener: object) -> None:
        with self._lock:
            self._listeners.pop(listener, None)

    def close(self) -> None:
        """Idempotent, finished on return."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _ask_again(self) -> None:
        while not self._closed.wait(ASK_EVERY_S):
            with self._lock:
                names = {topic for _wakeup, topics in self._listeners.values() for topic in topics}
            topics = [BY_NAME[name.removeprefix(self._prefix)] for name in names]
            try:
                for partition, end in self._offsets.ends(topics, ANSWER_S).items():
                    self.rise(PartitionName(self._prefix + partition.topic, partition.number), end)
            except (BrokerUnavailable, UsageError) as error:
                log.warning("watermarks.unknown", error=error)
