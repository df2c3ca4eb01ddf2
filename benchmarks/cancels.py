"""How soon the engine is free after a cancellation: a hundred jobs, one after the other, each cancelled at a random moment.

`python -m benchmarks.cancels [model]`. Over HTTP against the embedded system, with a file of two minutes. A batch that a replica
has in hand is finished, so its time is part of the figure, and is printed beside it.
"""

import logging
import random
import statistics
import sys
import time
from collections import Counter

from prometheus_client import REGISTRY

from benchmarks import embedded
from benchmarks.figures import conditions, latency_ms
from benchmarks.latency import LONG, unique, until_end
from murmur.gateway_client import GatewayClient, Refused

JOBS = 100
LATEST_S = 3.0  # after the submission
POLL_S = 0.01
IN_HAND = ("murmur_replicas_busy", "murmur_files_waiting")


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def in_hand() -> float:
    flights = sum(sample("murmur_records_in_flight", stage=stage) for stage in ("slicer", "transcriber"))
    return flights + sum(sample(name) for name in IN_HAND)


def cancelled(gateway: GatewayClient, rng: random.Random) -> tuple[float, str]:
    """Seconds from the cancellation until nothing is in hand, and how the job ended."""
    task = gateway.submit(LONG, unique())["task_id"]
    time.sleep(rng.uniform(0, LATEST_S))
    began_s = time.perf_counter()
    try:
        gateway.cancel(task)
    except Refused:  # it has ended
        return 0.0, "SUCCESS"
    while in_hand():
        time.sleep(POLL_S)
    free_s = time.perf_counter() - began_s
    until_end(gateway, task)
    return free_s, gateway.status(task)["state"]


def main() -> None:
    logging.disable(logging.WARNING)
    rng = random.Random(0)  # noqa: S311
    with embedded.gateway(*sys.argv[1:2]) as gateway:
        print(conditions(), flush=True)
        ends = [cancelled(gateway, rng) for _ in range(JOBS)]
    batches = sample("murmur_inference_seconds_count")
    revoked = [free_s for free_s, state in ends if state == "REVOKED"]
    print(f"how they ended                          {dict(Counter(state for _, state in ends))}")
    print(f"from the cancellation to a free engine  {latency_ms(revoked)}")
    print(f"a batch: mean {1000 * sample('murmur_inference_seconds_sum') / batches:.0f} ms of {batches:.0f}")
    print(f"free later than 2 s: {sum(free_s > 2 for free_s in revoked)}; mean {1000 * statistics.fmean(revoked):.0f} ms")


if __name__ == "__main__":
    main()
