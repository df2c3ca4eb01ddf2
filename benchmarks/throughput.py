"""The whole system against the bare engine, on the same clips, turn by turn in one run: what does the pipeline cost?

`python -m benchmarks.throughput [ROUNDS]`. The bare engine slices and transcribes in this process, with as many threads as
replicas, and with no broker, no store and no HTTP. The system gets the same clips over HTTP, with an empty cache.
"""

import logging
import sys
import time
from pathlib import Path

from benchmarks import embedded
from benchmarks.bare import Bare
from benchmarks.figures import conditions, spread
from runtime.settings import Settings

CLIPS = sorted(path for path in (Path(__file__).parents[1] / "examples/audio").iterdir() if path.suffix != ".json")


def bare(engine: Bare) -> float:
    """Seconds for all clips."""
    clips = [path.read_bytes() for path in CLIPS]
    began_s = time.perf_counter()
    engine.transcribe(clips)
    return time.perf_counter() - began_s


def system() -> float:
    """Seconds for all clips, from the first submit to the last end."""
    with embedded.gateway() as gateway:
        began_s = time.perf_counter()
        tasks = [gateway.submit(path, {})["task_id"] for path in CLIPS]
        states = {status["state"] for task in tasks for status in [list(gateway.watch(task))[-1]]}
        took_s = time.perf_counter() - began_s
    assert states == {"SUCCESS"}, states
    return took_s


def main(rounds: int) -> None:
    logging.disable(logging.WARNING)
    engine = Bare(Settings(model="demo").compute_type)
    bare(engine)  # pages, caches, branch predictors: not counted
    pairs = []
    for number in range(rounds):
        pairs.append((bare(engine), system()))
        print(f"round {number + 1}: bare {pairs[-1][0]:.2f} s, system {pairs[-1][1]:.2f} s", flush=True)
    print(f"\n{conditions()}; {len(CLIPS)} clips, {engine.engine.replicas} replicas")
    print(f"bare engine   {spread([pair[0] for pair in pairs])} s")
    print(f"whole system  {spread([pair[1] for pair in pairs])} s")
    print(f"bare / system {spread([pair[0] / pair[1] for pair in pairs])} (1.00: the pipeline costs nothing)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
