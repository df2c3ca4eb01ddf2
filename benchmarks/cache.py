"""The coordinator's cache table with a million entries: lookups, inserts, evictions, restored entries, and memory.

`python -m benchmarks.cache [ENTRIES...]`; 100,000 and 1,000,000 unless given. No broker: `benchmarks.recovery` has one. CPU time.
"""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from benchmarks.figures import conditions
from processors.coordinator.cache_policy import CachePolicy
from processors.coordinator.cache_upkeep import CacheUpkeep
from processors.coordinator.entries import Change
from processors.coordinator.tables import Tables
from runtime.gc_pause import collect_less_often, gc_paused
from schemas.cache import CacheEntry
from schemas.topics import CACHE_CHANGELOG

PARTITIONS = 8
CALLS = 20_000
TURNS = 500
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def main() -> None:
    print(conditions())
    for entries in [int(word) for word in sys.argv[1:]] or [100_000, 1_000_000]:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(entries,))
        process.start()
        process.join()


def measure(entries: int) -> None:
    collect_less_often()
    keys = [os.urandom(32).hex() for _ in range(entries)]
    raw = Change("cache", keys[0], CacheEntry(NOW, 5000, 12.34, "en", NOW, 3)).output(0).value
    assert isinstance(raw, bytes)
    tables = {number: Tables() for number in range(PARTITIONS)}
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with gc_paused(keep_out=True):  # as the coordinator does it
        restored_s = _cpu_s(lambda number: _restore(tables[number % PARTITIONS], keys[number], raw), entries)
    more_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
    print(f"{entries:,} entries: restored in {restored_s:.1f} s, {1e6 * restored_s / entries:.1f} µs each; {more_mib:.0f} MiB")

    lookup_s = _cpu_s(lambda number: tables[number % PARTITIONS].cache.get(keys[number]), CALLS)
    use_s = _cpu_s(lambda number: tables[number % PARTITIONS].cache.use(keys[number], NOW), CALLS)
    insert_s = _cpu_s(lambda number: tables[number % PARTITIONS].cache.put(os.urandom(32).hex(), CacheEntry(NOW, 5000)), CALLS)
    each = ", ".join(
        f"{what} {1e6 * took_s / CALLS:.1f} µs" for what, took_s in (("lookup", lookup_s), ("use", use_s), ("insert", insert_s))
    )
    print(f"  {each}")
    for what, policy, later in (
        ("nothing to do", CachePolicy(ttl_s=86_400, entries=2 * entries), NOW),
        ("evicting", CachePolicy(ttl_s=86_400, entries=entries // 2), NOW),
        ("expiring", CachePolicy(ttl_s=3600), NOW + timedelta(days=1)),
    ):
        upkeep, spent_ms = CacheUpkeep(policy), []
        for _ in range(TURNS):
            began_s = time.process_time()
            removed = len(list(upkeep.due(tables, 1, later)))
            spent_ms.append(1000 * (time.process_time() - began_s))
        spent_ms.sort()
        print(
            f"  a turn of one event, {what}: {removed} removed, median {spent_ms[TURNS // 2]:.3f} ms, most {spent_ms[-1]:.2f} ms"
        )


def _restore(tables: Tables, key: str, raw: bytes) -> None:
    tables.restore(CACHE_CHANGELOG.name, key.encode(), raw)


def _cpu_s(call: Callable[[int], object], times: int) -> float:
    began_s = time.process_time()
    for number in range(times):
        call(number)
    return time.process_time() - began_s


if __name__ == "__main__":
    main()
