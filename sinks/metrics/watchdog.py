"""Checks that Faust still works: it can hang without raising an error. Pure.

Fed by the stage every few seconds.
"""

from collections.abc import Mapping
from typing import Any

from runtime.errors import KafkaFault

STUCK_S = 60.0


class FaustFault(KafkaFault):
    """Faust has failed without an error. A new app begins again, with the last day of `jobs`."""


class Watchdog:
    def __init__(self) -> None:
        self._last: object = None
        self._since_s = 0.0

    def check(self, positions: Mapping[Any, int] | None, ends: Mapping[Any, int], now_s: float) -> None:
        """`positions`: None during a rebalance. Raises FaustFault when for a minute a rebalance has not ended, or nothing was
        read although there are records."""
        unread = positions and {place: read for place, read in positions.items() if read < ends.get(place, 0)}
        if unread == {} or unread != self._last:
            self._last, self._since_s = unread, now_s
        elif now_s - self._since_s > STUCK_S:
            what = "a rebalance has not ended" if unread is None else f"nothing was read, although there are records: {unread}"
            raise FaustFault(f"for {STUCK_S:.0f} s {what}")
