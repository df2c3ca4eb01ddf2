"""Which chunks the next batch takes. Pure except for one number: how much of its share the bulk lane has not had.

Interactive chunks go first; while bulk chunks wait they get one place in four, so that neither lane starves. A batch holds
chunks of one group only; the oldest chunk of the lane whose turn it is chooses the group, so no group starves either.
"""

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeVar

from schemas.record import Lane

BULK_EVERY = 4


class Waiting(Protocol):
    @property
    def lane(self) -> Lane: ...

    @property
    def group(self) -> Hashable: ...


W = TypeVar("W", bound=Waiting)


class Turns:
    """Counts the interactive slots since the last bulk chunk, across batches: at `BULK_EVERY - 1` a bulk chunk is next."""

    def __init__(self) -> None:
        self._owed = 0

    def take(self, waiting: Sequence[W], size: int) -> list[W]:
        """At most `size` of `waiting` (oldest first), all of one group; empty only if nothing is waiting."""
        lanes: dict[Lane, list[W]] = {"interactive": [], "bulk": []}
        for item in waiting:
            lanes[item.lane].append(item)
        if not waiting or not (lanes["interactive"] and lanes["bulk"]):
            self._owed = 0
            return _of_group(waiting, waiting[0].group)[:size] if waiting else []
        bulk_turn = self._owed >= BULK_EVERY - 1
        group = lanes["bulk" if bulk_turn else "interactive"][0].group
        interactive, bulk = (_of_group(lanes[lane], group) for lane in ("interactive", "bulk"))
        first = len(bulk) if bulk_turn else size // BULK_EVERY
        taken_bulk = bulk[: max(min(first, size), size - len(interactive))]
        taken = [*interactive[: size - len(taken_bulk)], *taken_bulk]
        # Slots that no interactive chunk of the group could use do not count as bulk's share for long.
        self._owed = max(self._owed + len(taken) - BULK_EVERY * len(taken_bulk), -BULK_EVERY * size)
        return taken


def _of_group(waiting: Sequence[W], group: Hashable) -> list[W]:
    return [item for item in waiting if item.group == group]
