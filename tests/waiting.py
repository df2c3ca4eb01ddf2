"""Waiting for the world: for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE_S = 0.02
DEADLINE_S = 120.0  # of waits that end at once when all is well: long, as a busy machine is no failure


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = DEADLINE_S) -> T:
    """The condition's first true value. Fails with `what` was waited for."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"waited {timeout_s:.0f} s without success for {what}")
        time.sleep(PAUSE_S)
    return value
