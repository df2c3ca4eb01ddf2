"""What the cache tables need at the end of a turn: its uses, written once for each entry, and the removal of what has to go."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from processors.coordinator.cache_policy import CachePolicy
from processors.coordinator.entries import Change
from processors.coordinator.tables import Tables
from runtime import metrics

REMOVED_MAX = 20  # entries for each event of a turn: each is a record in its transaction
REMOVED_IDLE_MAX = 500  # in a turn without events, of which there is one a second


class CacheUpkeep:
    """`partitions`: how many the whole topic has; None: not known, and all of them are here."""

    def __init__(self, policy: CachePolicy) -> None:
        self.policy = policy
        self.partitions: int | None = None
        self._used: set[tuple[int, str]] = set()

    def used(self, number: int, tables: Tables, work_id: str, now: datetime) -> None:
        """The entry has answered a request: it is the last to be evicted. A crash before the end of the turn forgets that."""
        tables.cache.use(work_id, now)
        self._used.add((number, work_id))

    def due(self, tables: Mapping[int, Tables], events: int, now: datetime) -> Iterator[tuple[int, Change]]:
        """Partition and change, already applied. A hit costs one record, however often an entry was used in this turn."""
        used, self._used = self._used, set()
        for number, work_id in used:
            if number in tables and (entry := tables[number].cache.get(work_id)) is not None:
                yield number, Change("cache", work_id, entry)
        caches = {number: each.cache for number, each in tables.items()}
        share = len(caches) / (self.partitions or len(caches) or 1)
        removals = self.policy.removals(caches, share, now, REMOVED_MAX * events or REMOVED_IDLE_MAX)
        for (number, work_id), reason in removals.items():
            change = Change("cache", work_id, None)
            tables[number].apply(change)
            metrics.CACHE_REMOVALS.labels(reason).inc()
            yield number, change
        metrics.CACHE_ENTRIES.set(sum(map(len, caches.values())))
        metrics.CACHE_BYTES.set(sum(cache.size_bytes for cache in caches.values()))
