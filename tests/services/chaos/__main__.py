"""`make chaos`: the long fault run on a real broker and store of its own. Prints the table of docs/reliability.md.

`python -m tests.services.chaos kills broker` runs only those; MURMUR's own environment is not looked at. Exit code 1: a promise
was broken.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.services.chaos.bench import Bench, Row, broker_by_wire, dropping, on_folder, on_minio, sending_webhooks, store_by_wire
from tests.services.chaos.checker import figures
from tests.services.chaos.scenarios import drops, networks, processes, records, services, webhooks
from tests.services.chaos.trial import Verdict

SCENARIOS: Mapping[str, tuple[Callable[[ExitStack, Path], Bench], Callable[[Bench], Row]]] = {
    "takeover": (on_folder, processes.takeovers),
    "kills": (on_folder, processes.killed_everywhere),
    "rolling": (on_folder, processes.rolling_restart),
    "coordinator": (on_folder, processes.zombie("coordinator")),
    "slicer": (on_folder, processes.zombie("slicer")),
    "transcriber": (on_folder, processes.zombie("transcriber")),
    "gateway": (on_folder, processes.zombie("gateway")),
    "storm": (on_folder, processes.rebalance_storm),
    "stutter": (on_folder, records.stuttering),
    "poison": (on_folder, records.poisoned),
    "late": (on_folder, services.late_broker),
    "broker": (on_folder, services.broker_away),
    "restarts": (on_folder, services.broker_restarted),
    "store": (on_minio, services.store_away),
    "cut": (broker_by_wire, networks.cut_from_the_broker),
    "network": (store_by_wire, networks.bad_way_to_the_store),
    "webhooks": (sending_webhooks, webhooks.killed_while_sending),
    "bucket": (dropping, drops.killed_around_the_bucket),
    "lost": (dropping, drops.lost_events),
    "changing": (dropping, drops.changing_files),
}
HEAD = (
    "| fault | jobs ended / submitted | broken promises | chunks transcribed again | slowest job | |\n|---|---|---|---|---|---|"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SCENARIOS)}; none: all")
    parser.add_argument("--seed", type=int, default=20261121)
    arguments = parser.parse_args()
    logging.disable(logging.ERROR)  # what the followers say of outages and poison is expected
    folder = Path(tempfile.mkdtemp(prefix="murmur-chaos-"))
    print(f"seed {arguments.seed}; histories and logs in {folder}\n{HEAD}", flush=True)
    rows = [_run(name, number, arguments.seed, folder) for number, name in enumerate(arguments.names or SCENARIOS)]
    broken = [sentence for row in rows for sentence in row.violations]
    print("\n".join(broken) or "no promise was broken")
    return 1 if broken else 0


def _run(name: str, number: int, seed: int, folder: Path) -> Row:
    """Each scenario on services and processes of its own: what one breaks is no other's excuse."""
    build, act = SCENARIOS[name]
    place = folder / name
    place.mkdir()
    with ExitStack() as stack:
        try:
            row = act(replace(build(stack, place), seed=seed, first=1000 * number))
        except AssertionError as error:  # a wait timed out
            row = Row(name, Verdict([f"{name}: {error}"], figures(())))
    print(row.line(), flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
