"""What is in memory for one receiver, and how long it would take to work that off. One event loop."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

EVIDENCE_S = 1.0  # how long a burst waits for the first answer of a receiver, which says how fast it is
WEIGHT = 0.2  # of an attempt in the average duration


class Limits(NamedTuple):
    """`places`: attempts at a time. More than `count_max` deliveries are too many if they would take longer than `wait_max_s`;
    what is too much is looked at again after `again_max_s` at the latest."""

    places: int
    count_max: int
    wait_max_s: float
    again_max_s: float


@dataclass(slots=True)
class Backlog:
    """`in_flight`: deliveries that wait for a place or are being sent. `began_s`: of the attempts that are being made."""

    in_flight: int = 0
    average_s: float = 0.0
    began_s: list[float] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    def wait_s(self, limits: Limits, now_s: float) -> float:
        """How long the next delivery had better stay away; 0: it may wait here."""
        if self.in_flight <= limits.count_max:
            return 0.0
        busy_s = now_s - self.began_s[-limits.places] if len(self.began_s) >= limits.places else 0.0  # every place, at least
        queue_s = self.in_flight * max(self.average_s, busy_s) / limits.places
        return min(queue_s, limits.again_max_s) if queue_s > limits.wait_max_s else 0.0

    async def evidence(self, limits: Limits) -> None:
        """Waits for the first answer, not for long, where much is to be sent and nothing is known yet."""
        if self.in_flight > limits.count_max and not self.answered.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.answered.wait(), EVIDENCE_S)

    def ended(self, took_s: float, *, anew: bool) -> None:
        """After an attempt. `anew`: what was measured before says nothing about the next one."""
        self.answered.set()
        if anew or not self.average_s:
            self.average_s = took_s
        else:
            self.average_s += WEIGHT * (took_s - self.average_s)
