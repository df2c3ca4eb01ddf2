"""How much time probing may take: a twentieth, so that many files that are slow to probe delay the others by less than a second.

Used by `prober`, which measures its probes.
"""

import threading
from collections.abc import Callable

from runtime.logs import get_logger

log = get_logger(__name__)
PAUSE_FACTOR = 20  # a pause is that many times as long as the probes that caused it
QUICK_S = 0.02  # a probe up to this long is not counted; it takes 1 ms where the machine is not busy
SLOW_MAX_S = 0.5  # that much time of slow probes causes a pause


class ProbeBudget:
    """Safe from many threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._slow_s = 0.0  # of slow probes, less a twentieth of the time since
        self._as_of_s = clock()
        self._paused_until_s = self._as_of_s

    @property
    def is_paused(self) -> bool:
        return self._clock() < self._paused_until_s

    def spend(self, took_s: float) -> None:
        """Of a probe that has just ended, however it ended."""
        if took_s <= QUICK_S:
            return
        with self._lock:
            now_s = self._clock()
            self._slow_s = max(0.0, self._slow_s - (now_s - self._as_of_s) / PAUSE_FACTOR) + took_s
            self._as_of_s = now_s
            if self._slow_s >= SLOW_MAX_S:
                pause_s = PAUSE_FACTOR * self._slow_s
                self._paused_until_s = now_s + pause_s
                log.info("probe.paused", wait_s=round(pause_s, 1))
