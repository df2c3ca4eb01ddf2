"""How much a long file in front delays short clips: fifty clips at once, alone and behind a file of ten minutes, alternating.

`python -m benchmarks.lanes [model] [rounds]`, with original weights (`make models`) and natural speech, over HTTP against the
embedded system. Wall times depend on what else the machine does, so the share of inference that the long file had until the clips
were done is printed, too: that is what the lanes decide.
"""

import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import REGISTRY

from benchmarks import embedded
from benchmarks.figures import conditions, percentile, spread
from benchmarks.latency import unique
from benchmarks.speech import compose, files
from benchmarks.speech.recordings import Recording
from murmur.gateway_client import ENDED, GatewayClient

CLIPS, LONG_S = 50, 600.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Round:
    """Of one burst of clips. `bulk_share`: of the inference seconds in that time."""

    p50_s: float
    p95_s: float
    cpu_s: float
    bulk_share: float


def clips(folder: Path, number: int) -> list[Path]:
    """The bytes of each differ from every other round's, so nothing is answered from the cache."""
    natural = files.clips()
    return [_written(folder, natural[n % len(natural)], number * CLIPS + n) for n in range(CLIPS)]


def _written(folder: Path, clip: Recording, number: int) -> Path:
    silence = np.zeros(100 + number, np.float32)
    path = folder / f"{number}.wav"
    path.write_bytes(compose.as_wav(clip.with_samples(np.concatenate((clip.samples, silence)))).data)
    return path


def long_file(folder: Path) -> Path:
    natural = files.clips()
    count = int(LONG_S / statistics.fmean(clip.duration_s for clip in natural))
    chosen = [natural[n % len(natural)] for n in range(count)]
    joined = compose.join("long", chosen, compose.pauses(count - 1, seed=3, longest_s=2.0))
    path = folder / "long.wav"
    path.write_bytes(compose.as_wav(joined).data)
    return path


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def inference_s(lane: str) -> float:
    return sample("murmur_chunk_inference_seconds_sum", lane=lane)


def burst(gateway: GatewayClient, paths: Sequence[Path]) -> Round:
    """All clips submitted at once; their times are those of their jobs."""
    before = {lane: inference_s(lane) for lane in ("interactive", "bulk")}
    began_cpu_s = time.process_time()
    tasks = [gateway.submit(path, {"lane": "interactive"})["task_id"] for path in paths]
    statuses = list(_ended(gateway, tasks))
    spent = {lane: inference_s(lane) - before[lane] for lane in before}
    waits = [_between(status["submitted_at"], status["ended_at"]) for status in statuses]
    assert {status["state"] for status in statuses} == {"SUCCESS"}
    share = spent["bulk"] / sum(spent.values())
    return Round(percentile(waits, 0.5), percentile(waits, 0.95), time.process_time() - began_cpu_s, share)


def _ended(gateway: GatewayClient, tasks: Sequence[str]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        while (status := gateway.status(task))["state"] not in ENDED:
            time.sleep(POLL_S)
        yield status


def _between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def behind(gateway: GatewayClient, long: Path, paths: Sequence[Path]) -> Round:
    """Once the first chunk of the long file has its text."""
    task = gateway.submit(long, unique())["task_id"]
    while not gateway.status(task)["progress"]["segments"]:
        time.sleep(POLL_S)
    measured = burst(gateway, paths)
    state = gateway.status(task)["state"]
    assert state == "STARTED", f"the long file did not last: {state}"
    gateway.cancel(task)
    embedded.until_end(gateway, task)
    while sample("murmur_replicas_busy"):
        time.sleep(POLL_S)
    return measured


def main() -> None:
    logging.disable(logging.WARNING)
    model, rounds = (sys.argv[1:2] or ["tiny.en"])[0], int((sys.argv[2:3] or ["3"])[0])
    alone: list[Round] = []
    after: list[Round] = []
    with tempfile.TemporaryDirectory() as folder, embedded.gateway(model) as gateway:
        print(conditions(), flush=True)
        long = long_file(Path(folder))
        burst(gateway, clips(Path(folder), 0))
        for number in range(rounds):
            alone.append(burst(gateway, clips(Path(folder), 2 * number + 1)))
            after.append(behind(gateway, long, clips(Path(folder), 2 * number + 2)))
            print(f"alone {alone[-1]}\nbehind {after[-1]}", flush=True)
    for name, found in (("alone", alone), ("behind a long file", after)):
        print(
            f"{name:<20} p50 {spread([each.p50_s for each in found])} s, p95 {spread([each.p95_s for each in found])} s, "
            f"CPU {spread([each.cpu_s for each in found], 1)} s, bulk {spread([100 * each.bulk_share for each in found], 0)} %"
        )
    for lane in ("interactive", "bulk"):
        mean_s = inference_s(lane) / sample("murmur_chunk_inference_seconds_count", lane=lane)
        print(f"inference of one chunk, {lane}: {mean_s:.2f} s")
    ratios = [b.p95_s / a.p95_s for a, b in zip(alone, after, strict=True)]
    print(f"p95 behind / p95 alone: {spread(ratios)}")


if __name__ == "__main__":
    main()
