"""Ends a loop's wait when there is work for it: a result from one of its threads, a record, an acknowledgement, a stop.

Made where a stage is built; its loop waits for it through the consumer, its handler's threads set it.
"""

import threading


class Wakeup:
    """`set()` and `nudge()` from any thread; one thread waits. What it is woken for has to be in place before.

    `set()` holds until `clear()`, however many consumers the thread waits in: it clears, and then looks for work. `nudge()` only
    ends the wait of the moment, for what the waiting consumer finds by itself."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._work = False

    def set(self) -> None:
        self._work = True
        self._event.set()

    def set_after(self, wait_s: float) -> None:
        """In a thread that ends then."""
        timer = threading.Timer(wait_s, self.set)
        timer.name, timer.daemon = "wakeup", True
        timer.start()

    def nudge(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._work

    def clear(self) -> None:
        self._work = False

    def wait(self, timeout_s: float) -> bool:
        """Whether it was set or nudged; at once while it is set."""
        if self._work:
            return True
        woken = self._event.wait(timeout_s)
        self._event.clear()
        return woken
