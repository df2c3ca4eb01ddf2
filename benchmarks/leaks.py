"""What is left of many jobs after their time: files, rows, entries of the tables, and memory of the process.

`python -m benchmarks.leaks [JOBS]`; 10,000 unless given, in 40 days of a clock of their own. A coordinator, a gateway's view and
the retention stage in one process, on a folder, without Kafka: `tests/unit/sinks/retention/test_many_jobs.py` with more jobs. A
thousand jobs have passed before memory is measured, for what is loaded or allocated once. Then the same jobs twice: first
more is in use than before, and allocator and SQLite keep room for it; the second time nothing may be added.
"""

import gc
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.figures import conditions
from tests.unit.sinks.retention.test_many_jobs import Installation, counts

WARM_UP, DAYS = 1000, 40


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(conditions())
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder))
        try:
            installation.run_jobs(range(WARM_UP), WARM_UP // DAYS)
            installation.outlive_retention()
            before_mib = _report("before", installation, Path(folder))
            for first in (WARM_UP, WARM_UP + jobs):
                began_s = time.process_time()
                installation.run_jobs(range(first, first + jobs), jobs // DAYS)
                _report(f"{jobs:,} jobs in {DAYS} days, {time.process_time() - began_s:.0f} s of CPU", installation, Path(folder))
                installation.outlive_retention()
                after_mib = _report("after their time", installation, Path(folder))
                print(f"memory after / before: {after_mib / before_mib:.3f}")
                before_mib = after_mib
        finally:
            installation.view.close()
            installation.close()


def _report(what: str, installation: Installation, folder: Path) -> float:
    """The resident memory in MiB."""
    gc.collect()
    memory_mib = psutil.Process().memory_info().rss / 2**20
    view_kib, ledger_kib = (sum(path.stat().st_size for path in folder.glob(f"{name}*")) / 1024 for name in ("view", "ledger"))
    found = ", ".join(f"{count:,} {name}" for name, count in counts(installation).items() if count) or "nothing"
    print(f"{what}: {memory_mib:.1f} MiB, view {view_kib:,.0f} KiB, ledger {ledger_kib:,.0f} KiB; {found}")
    return memory_mib


if __name__ == "__main__":
    main()
