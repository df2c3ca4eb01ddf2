"""A round of the retention stage over many transcripts, of which some are too many: CPU time, its longest step, and memory.

`python -m benchmarks.sweep [TRANSCRIPTS]`; 1,000,000 unless given. The listing is made up, and nothing is stored.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.figures import conditions
from runtime.objects import NotFound, ObjectInfo, keys
from runtime.settings import Settings
from sinks.retention.ledger import Ledger
from sinks.retention.sweeper import Round

SIZE_BYTES = 5000
SURPLUS = 1000
OLD = datetime.now(UTC) - timedelta(days=7)


class MadeUpStore:
    """As much of an ObjectStore as a round needs."""

    def __init__(self, count: int) -> None:
        self._count = count

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        for number in range(self._count if prefix == keys.TRANSCRIPTS else 0):
            written_at = OLD + timedelta(seconds=number * 7919 % self._count)
            yield ObjectInfo(bucket, keys.transcript_key(f"{number:064x}"), SIZE_BYTES, "", written_at)

    def head(self, bucket: str, key: str) -> ObjectInfo:
        raise NotFound(key)

    def delete(self, bucket: str, key: str) -> None:
        pass

    def unfinished(self, bucket: str) -> Iterator[Any]:
        return iter(())

    def earlier_versions(self, bucket: str, prefixes: Sequence[str]) -> Iterator[Any]:
        return iter(())


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(conditions())
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), retention_transcripts_bytes=(count - SURPLUS) * SIZE_BYTES)
        ledger = Ledger(Path(folder) / "ledger.sqlite3", settings.work_bucket)
        ledger.open()
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        store: Any = MadeUpStore(count)
        found = Round(store, settings, ledger, catch_up=lambda: None)
        steps = _timed(found.steps())
        removed = found.figures["transcripts"].removed_files
        more_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) >> 10
        ledger.close()
    print(f"{count:,} transcripts, {removed:,} removed: {sum(steps):.1f} s of CPU in {len(steps):,} steps, {more_mib} MiB more")
    print(f"  the longest steps: {', '.join(f'{1000 * step_s:.0f} ms' for step_s in sorted(steps)[:-6:-1])}")


def _timed(steps: Iterator[None]) -> list[float]:
    """The CPU time of each."""
    found: list[float] = []
    while True:
        began_s = time.process_time()
        try:
            next(steps)
        except StopIteration:
            return found
        found.append(time.process_time() - began_s)


if __name__ == "__main__":
    main()
