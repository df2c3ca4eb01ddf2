"""How long callers wait: an answer from the cache, a submit and a status while the model is busy, a lone short file.

`python -m benchmarks.latency`. Everything over HTTP on loopback against the embedded system, with the demo model.
"""

import logging
import time
import uuid
from contextlib import suppress
from pathlib import Path

from benchmarks import embedded
from benchmarks.figures import conditions, latency_ms
from murmur.gateway_client import ENDED, GatewayClient, Refused

AUDIO = Path(__file__).parents[1] / "examples/audio"
SHORT, LONG = AUDIO / "en-command.wav", AUDIO / "en-two-minutes.flac"
HITS, LONE, BUSY_FILES, BUSY_S = 200, 20, 24, 15.0
POLL_S = 0.002


def until_end(gateway: GatewayClient, task_id: str) -> float:
    """Seconds of waiting for the end, polled closely."""
    began_s = time.perf_counter()
    while gateway.status(task_id)["state"] not in ENDED:
        time.sleep(POLL_S)
    return time.perf_counter() - began_s


def job(gateway: GatewayClient, path: Path, fields: dict[str, str]) -> float:
    """Seconds from the submit to the end."""
    began_s = time.perf_counter()
    until_end(gateway, gateway.submit(path, fields)["task_id"])
    return time.perf_counter() - began_s


def unique() -> dict[str, str]:
    """Makes a work of its own: a unique prompt, always of the same length in characters."""
    return {"prompt": uuid.uuid4().hex[:8]}


def hits(gateway: GatewayClient) -> list[float]:
    job(gateway, SHORT, {})
    return [job(gateway, SHORT, {}) for _ in range(HITS)]


def busy(gateway: GatewayClient) -> tuple[list[float], list[float], list[float]]:
    """Submits, statuses and answers from the cache while every replica has more than enough to do."""
    tasks = [gateway.submit(LONG, unique())["task_id"] for _ in range(BUSY_FILES)]
    submits, statuses, answers, until_s = [], [], [], time.perf_counter() + BUSY_S
    while time.perf_counter() < until_s:
        began_s = time.perf_counter()
        cached = gateway.submit(SHORT, {})["task_id"]
        submitted_s = time.perf_counter()
        until_end(gateway, cached)
        asked_s = time.perf_counter()
        gateway.status(tasks[-1])
        statuses.append(time.perf_counter() - asked_s)
        submits.append(submitted_s - began_s)
        answers.append(asked_s - began_s)
        time.sleep(POLL_S)
    last = gateway.status(tasks[-1])
    assert last["state"] not in ENDED, f"the model was not busy to the end: {last}"
    for task in tasks:
        with suppress(Refused):  # the first ones may have ended
            gateway.cancel(task)
    for task in tasks:
        until_end(gateway, task)
    return submits, statuses, answers


def main() -> None:
    logging.disable(logging.WARNING)
    with embedded.gateway() as gateway:
        print(conditions(), flush=True)
        print(f"answer from the cache, submit to end   {latency_ms(hits(gateway))}", flush=True)
        print(f"lone file of 2.3 s, submit to end      {latency_ms([job(gateway, SHORT, unique()) for _ in range(LONE)])}")
        submits, statuses, answers = busy(gateway)
        print(f"answer from the cache while it is busy  {latency_ms(answers)}")
        print(f"submit of 74 kB while the model is busy {latency_ms(submits)}")
        print(f"status while the model is busy          {latency_ms(statuses)}")


if __name__ == "__main__":
    main()
