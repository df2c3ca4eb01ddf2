"""Ends a loop's wait when there is work for it: a result from one of its threads, a record, an acknowledgement, a stop.

Made where a stage is built; its loop waits for it through the consumer, its handler's threads set it.
"""

import threading


class Wakeup:
    """`set()` from any thread; one thread waits. What it is woken for has to be in place before `set()`."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it was set since the last wait that said so."""
        woken = self._event.wait(timeout_s)
        self._event.clear()
        return woken
