"""Waiting for the world: for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.1
PAUSE_SHARE = 0.05  # of the time waited: looking takes CPU time from what is waited for, and a late look is no more than so late
DEADLINE_S = 120.0  # of waits that end at once when all is well: long, as a busy machine is no failure


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = DEADLINE_S) -> T:
    """The condition's first true value. Fails with `what` was waited for."""
    began_s = time.monotonic()
    while not (value := condition()):
        waited_s = time.monotonic() - began_s
        if waited_s > timeout_s:
            raise AssertionError(f"waited {timeout_s:.0f} s without success for {what}")
        time.sleep(min(PAUSE_S + PAUSE_SHARE * waited_s, LONGEST_PAUSE_S))
    return value
