"""A circuit breaker: after some failures in a row nothing is sent but a probe now and then. One event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

TRIPS_AFTER = 5  # failures in a row
OPEN_S = 5.0  # until a probe; twice as long after each probe that failed, up to
OPEN_MAX = 60  # times as long
ASKED_MAX_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """`first_s`: how long a circuit is open at first. `asked_max_s`: how long a pause a receiver can ask for."""

    first_s: float = OPEN_S
    asked_max_s: float = ASKED_MAX_S

    def nth_s(self, number: int) -> float:
        """Of pauses in a row, counted from 1."""
        return self.first_s * min(1 << min(number - 1, OPEN_MAX), OPEN_MAX)


USUAL = Pauses()


@dataclass(slots=True)
class Circuit:
    """`failures`: how many in a row, without those of attempts that had begun before it opened."""

    pauses: Pauses = USUAL
    failures: int = 0
    open_until_s: float = 0.0
    probe: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_tripped(self) -> bool:
        """Only a probe is sent, and only when it has been open for its time."""
        return self.failures >= TRIPS_AFTER

    def open_s(self, now_s: float) -> float:
        return max(0.0, self.open_until_s - now_s) if self.is_tripped else 0.0

    def failed(self, now_s: float, at_least_s: float = 0.0) -> None:
        """`at_least_s`: what the receiver has asked for, as far as the longest pause of a circuit."""
        if self.open_s(now_s):
            return
        self.failures += 1
        if self.is_tripped:
            pause_s = self.pauses.nth_s(self.failures - TRIPS_AFTER + 1)
            self.open_until_s = now_s + max(pause_s, min(at_least_s, self.pauses.nth_s(OPEN_MAX)))

    def close(self) -> None:
        self.failures, self.open_until_s = 0, 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """At once while it is closed. Else one at a time: those behind a probe wait for its result."""
        if not self.is_tripped:
            yield
            return
        async with self.probe:
            yield
