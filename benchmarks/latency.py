"""How long callers wait: an answer from the cache, a submit and a status while the model is busy, a lone short file.

`python -m benchmarks.latency`. Over HTTP on loopback against a `murmur dev` in a process of its own, with the demo model. The
model is busy with one replica, which takes one core, and with as many as there are cores.
"""

import logging
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.figures import conditions, latency_ms
from benchmarks.http_load.server import server
from murmur.gateway_client import ENDED, PREFIX, GatewayClient, Refused

AUDIO = Path(__file__).parents[1] / "examples/audio"
SHORT, LONG = AUDIO / "en-command.wav", AUDIO / "en-two-minutes.flac"
HITS, LONE, BUSY_FILES, BUSY_S = 200, 20, 24, 15.0
PAUSE_S = 0.02
WAITED = "/api/transcribe"


def timed(gateway: GatewayClient, path: str, fields: dict[str, str]) -> float:
    """Seconds of one submission to an endpoint. Raises AssertionError where `WAITED` does not return the transcript."""
    began_s = time.perf_counter()
    answer: dict[str, Any] = gateway.json(
        "POST", path, data=fields, files={"file": (SHORT.name, SHORT.read_bytes(), "audio/wav")}
    )
    took_s = time.perf_counter() - began_s
    assert path != WAITED or answer["state"] == "SUCCESS", answer
    return took_s


def unique() -> dict[str, str]:
    """Makes a work of its own: a unique prompt, always of the same length in characters."""
    return {"prompt": uuid.uuid4().hex[:8]}


def idle(gateway: GatewayClient) -> None:
    timed(gateway, WAITED, {})
    hits = [timed(gateway, WAITED, {}) for _ in range(HITS)]
    print(f"nothing to do: transcript from the cache  {latency_ms(hits)}", flush=True)
    lone = [timed(gateway, WAITED, unique()) for _ in range(LONE)]
    print(f"nothing to do: transcript of 2.3 s        {latency_ms(lone)}", flush=True)


def busy(gateway: GatewayClient, cores: int) -> None:
    """Transcripts from the cache, submits and statuses while every replica has more than enough to do."""
    timed(gateway, WAITED, {})
    tasks = [gateway.submit(LONG, unique())["task_id"] for _ in range(BUSY_FILES)]
    hits, submits, statuses, until_s = [], [], [], time.perf_counter() + BUSY_S
    while time.perf_counter() < until_s:
        hits.append(timed(gateway, WAITED, {}))
        submits.append(timed(gateway, PREFIX, {}))
        asked_s = time.perf_counter()
        gateway.status(tasks[-1])
        statuses.append(time.perf_counter() - asked_s)
        time.sleep(PAUSE_S)
    last = gateway.status(tasks[-1])
    assert last["state"] not in ENDED, f"the model was not busy to the end: {last}"
    for what, figures in (("transcript from the cache", hits), ("submit of 74 kB", submits), ("status", statuses)):
        print(f"{f'{cores} cores busy: {what}':<41} {latency_ms(figures)}", flush=True)
    for task in tasks:
        with suppress(Refused):  # the first ones may have ended
            gateway.cancel(task)


def main() -> None:
    logging.disable(logging.WARNING)
    print(conditions(), flush=True)
    for replicas in sorted({1, os.cpu_count() or 1}):
        with server("whole", model_replicas=replicas) as at, GatewayClient(f"http://127.0.0.1:{at.port}") as gateway:
            if replicas == 1:
                idle(gateway)
            busy(gateway, replicas)


if __name__ == "__main__":
    main()
