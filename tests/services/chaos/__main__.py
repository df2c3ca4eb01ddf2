"""`make chaos`: the long fault run on a real broker and store of its own. Prints the table of docs/reliability.md.

`python -m tests.services.chaos kills broker` runs only those; MURMUR's own environment is not looked at. Exit code 1: a promise
was broken.
"""

import argparse
import logging
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from scripts.services import supervisor
from scripts.services.minio import MINIO
from tests.services.chaos import scenarios
from tests.services.chaos.cluster import Cluster, on_directory
from tests.services.chaos.scenarios import Bench, Row

SCENARIOS = {
    "takeover": scenarios.takeovers,
    "kills": scenarios.killed_everywhere,
    "rolling": scenarios.rolling_restart,
    "coordinator": scenarios.zombie("coordinator"),
    "slicer": scenarios.zombie("slicer"),
    "transcriber": scenarios.zombie("transcriber"),
    "gateway": scenarios.zombie("gateway"),
    "stutter": scenarios.stuttering,
    "poison": scenarios.poisoned,
    "broker": scenarios.broker_away,
    "restarts": scenarios.broker_restarted,
    "store": scenarios.store_away,
}
HEAD = "| fault | jobs ended | broken promises | chunks heard again | slowest job | |\n|---|---|---|---|---|---|"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SCENARIOS)}; none: all")
    parser.add_argument("--seed", type=int, default=20261121)
    arguments = parser.parse_args()
    logging.disable(logging.ERROR)  # what the followers say of outages and poison is expected
    folder = Path(tempfile.mkdtemp(prefix="murmur-chaos-"))
    print(f"seed {arguments.seed}; histories and logs in {folder}\n{HEAD}", flush=True)
    rows = [_run(name, number, arguments.seed, folder) for number, name in enumerate(arguments.names or SCENARIOS)]
    broken = [sentence for row in rows for sentence in (*row.verdict.violations, *row.broken)]
    print("\n".join(broken) or "no promise was broken")
    return 1 if broken else 0


def _run(name: str, number: int, seed: int, folder: Path) -> Row:
    """Each scenario on services and processes of its own: what one breaks is no other's excuse."""
    place = folder / name
    place.mkdir()
    with ExitStack() as stack:
        kafka = supervisor.own_kafka(place / "kafka")
        stack.callback(kafka.process.forget)
        store = None
        if name == "store":
            store = supervisor.own_store(MINIO, place / "minio", kafka)
            stack.callback(store.process.forget)
        environment = store.environment() if store else on_directory(kafka.bootstrap, place)
        cluster = stack.enter_context(Cluster(place, environment))
        row = SCENARIOS[name](Bench(cluster, kafka, store, place, seed, first=1000 * number))
    print(row.line(), flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
