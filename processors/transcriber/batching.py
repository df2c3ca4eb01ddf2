"""Which chunks the next batch takes. Pure except for one number: how much of its share the bulk lane has not had.

Interactive chunks go first, whenever a replica is free. While they wait, bulk chunks have a tenth of the work: counted in seconds
of audio, since a bulk chunk may be ten times as long as a short file. So neither lane starves, and a long file delays short ones
by a tenth, and by the batches in hand. A batch holds chunks of one group only; the oldest chunk of the lane whose
turn it is chooses the group, so no group starves either.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Protocol, TypeVar

from schemas.record import Lane

BULK_SHARE = 0.1
_CREDIT_PER_S = BULK_SHARE / (1 - BULK_SHARE)  # for each interactive second


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
    """`_credit_s`: what bulk chunks may take while interactive ones wait; it grows with what those take."""

    def __init__(self) -> None:
        self._credit_s = 0.0

    def take(self, waiting: Sequence[W], size: int) -> list[W]:
        """At most `size` of `waiting` (oldest first), all of one group; empty only if nothing is waiting."""
        interactive = [item for item in waiting if item.lane == "interactive"]
        bulk = [item for item in waiting if item.lane == "bulk"]
        if not interactive or not bulk:
            self._credit_s = 0.0
            return _of_group(waiting, waiting[0].group)[:size] if waiting else []
        group = (bulk if bulk[0].cost_s <= self._credit_s else interactive)[0].group
        interactive, bulk = _of_group(interactive, group), _of_group(bulk, group)
        paid = list(self._paid(bulk[:size]))
        first = interactive[: size - len(paid)]
        rest = bulk[len(paid) : size - len(first)]  # places that no interactive chunk can use
        self._credit_s += _CREDIT_PER_S * sum(item.cost_s for item in first)
        return [*first, *paid, *rest]

    def _paid(self, bulk: Sequence[W]) -> Iterator[W]:
        """As many as the credit is enough for."""
        for item in bulk:
            if item.cost_s > self._credit_s:
                return
            self._credit_s -= item.cost_s
            yield item


def _of_group(waiting: Sequence[W], group: Hashable) -> list[W]:
    return [item for item in waiting if item.group == group]
