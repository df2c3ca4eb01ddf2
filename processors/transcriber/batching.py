"""Which chunks the next batch takes. Pure except for two numbers: how much of its share the bulk lane has not had, and how fast
the engine is.

Interactive chunks go first, whenever a replica is free. While they wait, bulk chunks have a twentieth of the work, in seconds
of audio, since a bulk chunk may be ten times as long as a short file. So neither lane starves, and a long file delays short ones
by a twentieth, and by the batches in hand. A batch holds chunks of one group only; the oldest chunk of the lane whose turn it is
chooses the group, so no group starves either. Places that no interactive chunk can use stay empty: the text of a short file comes
at the end of its batch.

A larger batch costs less for each chunk, but a short file that arrives meanwhile waits for all of it. So a batch takes no more
than its replica's share of what is waiting, and no more than the engine does in `BATCH_S`: less for bulk chunks, since a short
file waits for the batches in hand.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from itertools import accumulate
from typing import Protocol, TypeVar

from runtime.lanes import BULK_SHARE
from schemas.record import Lane

BATCH_S: dict[Lane, float] = {"interactive": 4.0, "bulk": 1.2}
_NEWEST_SHARE = 0.2  # of the newest batch in the average of the engine's speed
_PRICE = 1 / BULK_SHARE - 1  # of a second of bulk chunks, in interactive seconds


class Waiting(Protocol):
    @property
    def lane(self) -> Lane: ...

    @property
    def group(self) -> Hashable: ...

    @property
    def cost_s(self) -> float:
        """Work, in seconds of audio."""


W = TypeVar("W", bound=Waiting)


class Turns:
    """`_credit_s`: interactive seconds, while both wait, of which bulk chunks have not had their share yet. `_pace`: seconds that
    the engine needs for a second of work, once known."""

    def __init__(self) -> None:
        self._credit_s = 0.0
        self._pace: float | None = None

    def done(self, cost_s: float, took_s: float) -> None:
        """A batch of that much work has been done in that time."""
        newest = took_s / cost_s
        self._pace = newest if self._pace is None else self._pace + _NEWEST_SHARE * (newest - self._pace)

    def take(self, waiting: Sequence[W], size: int, replicas: int = 1) -> list[W]:
        """At most `size` of `waiting` (oldest first), all of one group; empty only if nothing is waiting. `replicas`: that could
        take a batch now."""
        interactive = [item for item in waiting if item.lane == "interactive"]
        bulk = [item for item in waiting if item.lane == "bulk"]
        if not interactive or not bulk:
            self._credit_s = 0.0
            return self._bounded(_of_group(waiting, waiting[0].group), size, replicas) if waiting else []
        group = (bulk if _PRICE * bulk[0].cost_s <= self._credit_s else interactive)[0].group
        batch = self._bounded([*self._paid(_of_group(bulk, group)), *_of_group(interactive, group)], size, replicas)
        for item in batch:
            self._credit_s += item.cost_s if item.lane == "interactive" else -_PRICE * item.cost_s
        return batch

    def _bounded(self, group: Sequence[W], size: int, replicas: int) -> list[W]:
        """The oldest that make a batch; one is always enough."""
        most, limit_s = min(size, -(-len(group) // replicas)), BATCH_S[group[0].lane]
        ends_s = accumulate(item.cost_s * (self._pace or 0.0) for item in group[:most])
        return list(group[: max(1, sum(end_s <= limit_s for end_s in ends_s))])

    def _paid(self, bulk: Sequence[W]) -> list[W]:
        """As many as the credit is enough for."""
        sums_s = accumulate(_PRICE * item.cost_s for item in bulk)
        return list(bulk[: sum(sum_s <= self._credit_s for sum_s in sums_s)])


class Filling:
    """How long a batch that could begin waits for more chunks. `wake_after` has a turn made after that time."""

    def __init__(self, wait_s: float, wake_after: Callable[[float], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._wait_s = wait_s
        self._wake_after = wake_after
        self._clock = clock
        self._due_s: float | None = None  # while chunks wait

    def is_due(self, waiting: int, size: int) -> bool:
        """Asked at every turn at which a replica is idle. A full batch is due at once."""
        if not waiting or waiting >= size or not self._wait_s:
            self._due_s = None
            return True
        if self._due_s is None:
            self._due_s = self._clock() + self._wait_s
            self._wake_after(self._wait_s)
            return False
        if self._clock() < self._due_s:
            return False
        self._due_s = None
        return True


def _of_group(waiting: Sequence[W], group: Hashable) -> list[W]:
    return [item for item in waiting if item.group == group]
