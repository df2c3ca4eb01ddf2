"""Throttles Faust's loggers: while a broker is unavailable aiokafka writes thousands of identical lines a minute.

Used by the stage once, before Faust starts.
"""

import logging
import threading
import time

REPEAT_S = 60.0
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


class Throttle(logging.Filter):
    """Passes each log statement of the source once a minute, whatever its arguments."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_s: dict[tuple[str, int, str], float] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        return self.passes(record, time.monotonic())

    def passes(self, record: logging.LogRecord, now_s: float) -> bool:
        statement = record.name, record.lineno, record.levelname
        with self._lock:
            if now_s - self._passed_s.get(statement, -REPEAT_S) < REPEAT_S:
                return False
            self._passed_s[statement] = now_s
            return True


_throttle = Throttle()


def throttle_logs() -> None:
    """Safe to repeat. A parent's filter is not applied to the records of its children, so each logger has it."""
    for name in NOISY_LOGGERS:
        logging.getLogger(name).addFilter(_throttle)
