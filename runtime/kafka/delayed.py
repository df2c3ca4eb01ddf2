"""Records that a handler has received before they are due: it keeps them, and the loop pauses their partitions meanwhile.

Where all records of a topic wait equally long, the first of a partition is due first: no other can be late because of it. Pure.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Generic

from runtime.kafka.messages import E, Partition, Received


class Delayed(Generic[E]):
    """`read_ahead`: from how many kept records on a partition is paused; what has arrived with them is kept, too. They are not
    settled before they are due, so a crash loses none."""

    def __init__(self, read_ahead: int = 1) -> None:
        self._read_ahead = read_ahead
        self._kept: list[tuple[datetime, int, Received[E]]] = []
        self._count: Counter[Partition] = Counter()
        self._number = itertools.count()  # records that are due at the same time leave in the order in which they came

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def paused(self) -> set[Partition]:
        """Of these nothing more is wanted for now."""
        return {partition for partition, count in self._count.items() if count >= self._read_ahead}

    def keep(self, record: Received[E], until: datetime) -> None:
        heapq.heappush(self._kept, (until, next(self._number), record))
        self._count[record.partition] += 1

    def due(self, now: datetime) -> list[Received[E]]:
        """Those whose time has come, the earliest first. They are not kept any longer."""
        found = []
        while self._kept and self._kept[0][0] <= now:
            record = heapq.heappop(self._kept)[2]
            self._drop(record.partition)
            found.append(record)
        return found

    def wait_s(self, now: datetime) -> float | None:
        """Until the next one is due; None when none is kept."""
        return max(0.0, (self._kept[0][0] - now).total_seconds()) if self._kept else None

    def forget(self, partitions: Iterable[Partition]) -> None:
        """They are assigned to another consumer now."""
        gone = set(partitions)
        self._kept = [entry for entry in self._kept if entry[2].partition not in gone]
        heapq.heapify(self._kept)
        for partition in gone:
            self._count.pop(partition, None)

    def _drop(self, partition: Partition) -> None:
        self._count[partition] -= 1
        if not self._count[partition]:
            del self._count[partition]
