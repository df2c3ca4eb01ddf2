"""How soon the engine is free after a cancellation: a hundred jobs, one after the other, each cancelled at a random moment.

`python -m benchmarks.cancels [model]`. Over HTTP against the embedded system, with a file of two minutes. A batch that a replica
has in hand is finished, so the time until the last batch began is the delay of the cancellation itself.
"""

import logging
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass

from prometheus_client import REGISTRY

from benchmarks import embedded
from benchmarks.figures import conditions, latency_ms
from benchmarks.latency import LONG, unique
from murmur.gateway_client import GatewayClient, Refused

JOBS = 100
LATEST_S = 3.0  # after the submission
POLL_S = 0.01
BATCHES = "murmur_batch_windows_count"
IN_HAND = ("murmur_replicas_busy", "murmur_files_waiting")


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def in_hand() -> float:
    flights = sum(sample("murmur_records_in_flight", stage=stage) for stage in ("slicer", "transcriber"))
    return flights + sum(sample(name) for name in IN_HAND)


@dataclass(frozen=True, slots=True)
class End:
    """Seconds after the cancellation: when the last batch began, 0 if none did; when nothing was in hand any more."""

    state: str
    begun_s: float = 0.0
    free_s: float = 0.0


def cancelled(gateway: GatewayClient, rng: random.Random) -> End:
    task = gateway.submit(LONG, unique())["task_id"]
    time.sleep(rng.uniform(0, LATEST_S))
    began_s, begun_s, batches = time.perf_counter(), 0.0, sample(BATCHES)
    try:
        gateway.cancel(task)
    except Refused:  # it has ended
        return End("SUCCESS")
    while in_hand():
        if batches != (batches := sample(BATCHES)):
            begun_s = time.perf_counter() - began_s
        time.sleep(POLL_S)
    free_s = time.perf_counter() - began_s
    embedded.until_end(gateway, task)
    return End(gateway.status(task)["state"], begun_s, free_s)


def main() -> None:
    logging.disable(logging.WARNING)
    rng = random.Random(0)  # noqa: S311
    with embedded.gateway(*sys.argv[1:2]) as gateway:
        print(conditions(), flush=True)
        ends = [cancelled(gateway, rng) for _ in range(JOBS)]
    revoked = [end for end in ends if end.state == "REVOKED"]
    inference_s = sample("murmur_inference_seconds_sum") / sample("murmur_inference_seconds_count")
    print(f"how they ended                           {dict(Counter(end.state for end in ends))}")
    print(f"from the cancellation to the last batch  {latency_ms([end.begun_s for end in revoked])}")
    print(f"from the cancellation to a free engine   {latency_ms([end.free_s for end in revoked])}")
    print(f"inference of a batch, mean               {1000 * inference_s:.0f} ms")


if __name__ == "__main__":
    main()
