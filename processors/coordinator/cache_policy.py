"""What of the cache answers a request, and what has to go: the settings of the cache, applied to its tables. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from math import ceil, inf
from typing import Literal

from processors.coordinator.cache import CacheTable
from runtime.retention import cache_bytes
from runtime.settings import Settings
from schemas.cache import CacheEntry
from schemas.jobs import JobRequested

Reason = Literal["expired", "cleared", "evicted", "disabled"]
# Failures of the content and the options, which a repetition would have again; others are of a machine or of one object.
PERMANENT = frozenset(
    {"unsupported", "no_audio", "corrupt", "unknown_track", "too_long", "too_much_memory", "crashes_decoder"}
    | {"unsupported_language", "bad_option"}
)


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """`ttl_s`, `unused_s` (since the last use), `entries`, `size_bytes`: 0 is no limit. `failures_s`: 0 keeps no failures."""

    enabled: bool = True
    ttl_s: float = 0.0
    failures_s: float = 0.0
    entries: int = 0
    size_bytes: int = 0
    unused_s: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> "CachePolicy":
        return cls(
            settings.cache_enabled,
            settings.cache_ttl_s,
            settings.cache_failures_s,
            settings.cache_entries,
            cache_bytes(settings),
            settings.retention_transcripts_s,
        )

    def keeps(self, reason: str) -> bool:
        """Whether a failure for this reason answers later requests."""
        return self.enabled and self.failures_s > 0 and reason in PERMANENT

    def answer(self, table: CacheTable, request: JobRequested, now: datetime) -> CacheEntry | None:
        """The entry that answers this request. A retry is not answered with the failure that it is to get over."""
        entry = table.get(request.work.work_id)
        if entry is None or (entry.failure is not None and request.job.retry_of is not None):
            return None
        if not self.accepts(table, request, entry.finished_at):
            return None
        until_s, _ = self._outdated(table, now, self._ttl_s if entry.failure is None else self.failures_s)
        return entry if entry.finished_at.timestamp() > until_s else None

    def accepts(self, table: CacheTable, request: JobRequested, made_at: datetime) -> bool:
        """Whether a result that was made then may answer this request: neither it nor a clearing is against that."""
        cleared = (table.cleared_at, request.cache_cleared_at)
        return not request.no_cache and all(at is None or made_at > at for at in cleared)

    def removals(
        self, tables: Mapping[int, CacheTable], share: float, now: datetime, at_most: int
    ) -> dict[tuple[int, str], Reason]:
        """Partition and work of what has to go, a few at a time. `share`: of the whole cache, that these partitions are; so much
        of the limits is theirs, and among them the least recently used goes first."""
        found: dict[tuple[int, str], Reason] = {}
        for number, table in tables.items():
            until_s, reason = self._outdated(table, now, self._ttl_s)
            found |= {(number, work_id): reason for work_id in table.outdated(until_s, at_most - len(found))}
        surplus = _surplus(sum(map(len, tables.values())) - len(found), self.entries, share)
        left_bytes = sum(table.size_bytes for table in tables.values()) - sum(tables[n].size_of(work_id) for n, work_id in found)
        surplus_bytes = _surplus(left_bytes, self.size_bytes, share)
        unused_until_s = now.timestamp() - self.unused_s if self.unused_s else -inf
        for used_s, work_id, size_bytes, number in merge(*(_by_use(number, table) for number, table in tables.items())):
            is_surplus = surplus > 0 or surplus_bytes > 0
            if len(found) >= at_most or not (is_surplus or used_s <= unused_until_s):
                break
            if (number, work_id) not in found:
                found[number, work_id] = "evicted" if is_surplus else "expired"
                surplus, surplus_bytes = surplus - 1, surplus_bytes - size_bytes
        for number, table in tables.items():
            until_s, reason = self._outdated(table, now, self.failures_s)
            found |= {(number, work_id): reason for work_id in table.failed_until(until_s, at_most - len(found))}
        return found

    @property
    def _ttl_s(self) -> float:
        return self.ttl_s or inf

    def _outdated(self, table: CacheTable, now: datetime, lifetime_s: float) -> tuple[float, Reason]:
        """What finished until when is no answer, and why."""
        if not self.enabled:
            return inf, "disabled"
        cleared_s = table.cleared_at.timestamp() if table.cleared_at is not None else -inf
        expired_s = now.timestamp() - lifetime_s
        return (cleared_s, "cleared") if cleared_s >= expired_s else (expired_s, "expired")


NO_LIMITS = CachePolicy()


def _surplus(count: int, limit: int, share: float) -> int:
    return count - ceil(limit * share) if limit else 0


def _by_use(number: int, table: CacheTable) -> Iterator[tuple[float, str, int, int]]:
    return ((*row, number) for row in table.by_use())
