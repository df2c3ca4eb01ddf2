"""Keeps Faust's loggers quiet: while a broker is away aiokafka writes thousands of lines a minute that all say the same.

Used by the stage once, before Faust starts.
"""

import logging
import threading
import time

AGAIN_S = 60.0
NOISY_LOGGERS = (
    "aiokafka",
    "aiokafka.client",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
    "aiokafka.producer.transaction_manager",
    "faust.transport.drivers.aiokafka",
)


class Once(logging.Filter):
    """Lets each line of a logger's source through once a minute, whatever its arguments."""

    def __init__(self) -> None:
        super().__init__()
        self._said_s: dict[tuple[str, int, str], float] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        return self.wanted(record, time.monotonic())

    def wanted(self, record: logging.LogRecord, now_s: float) -> bool:
        place = record.name, record.lineno, record.levelname
        with self._lock:
            if now_s - self._said_s.get(place, -AGAIN_S) < AGAIN_S:
                return False
            self._said_s[place] = now_s
            return True


_once = Once()


def throttle_logs() -> None:
    """Safe to repeat. A filter of a parent is not asked for its children's lines, so each logger has it."""
    for name in NOISY_LOGGERS:
        logging.getLogger(name).addFilter(_once)
