"""How many requests the gateway answers, and how fast while the model takes all cores, beside a bare aiohttp handler.

`python -m benchmarks.http_load`, three minutes on a quiet machine. Everything on loopback: the embedded broker, a directory as
object store, the demo model. The load is a process on the same cores, whose CPU time is shown.
"""

import io
import json
import logging
import sys
import uuid
import wave
from pathlib import Path

from benchmarks.figures import conditions
from benchmarks.http_load.client import Answers, Load, Running
from benchmarks.http_load.listeners import listen
from benchmarks.http_load.server import Server, server

AUDIO = Path(__file__).parents[2] / "examples/audio"
COMMAND, LONG = AUDIO / "en-command.wav", AUDIO / "en-two-minutes.flac"
API = "/api/transcribe/async"
BOUNDARY = "of-the-load"
ROUNDS = 2
POLLS_S = 4.0
BURST = 800  # files with content of their own: the embedded broker has room for about a thousand jobs that wait
SUBMITS_S = 4.0
BUSY_FILES, BUSY_S = 24, 15.0
BUSY_POLLS, BUSY_SUBMITS, BUSY_HEALTH = 100.0, 10.0, 20.0  # per second
LISTENERS, OPENED_S, LISTENED_S = 2000, 3.0, 40.0


def small_file() -> bytes:
    """Half a second of speech, 16 kB."""
    with wave.open(str(COMMAND)) as source, io.BytesIO() as out:
        with wave.open(out, "wb") as target:
            target.setparams(source.getparams())
            target.writeframes(source.readframes(source.getframerate() // 2))
        return out.getvalue()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def submission(content: bytes, path: str = API, **fields: str) -> bytes:
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="small.wav"\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = f"Host: localhost\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}"
    return f"POST {path} HTTP/1.1\r\n{headers}\r\n\r\n".encode() + body


def distinct(content: bytes, count: int, path: str = API) -> list[bytes]:
    """The same sound with other bytes behind it."""
    return [submission(content + uuid.uuid4().bytes, path) for _ in range(count)]


def accepted(at: Server, content: bytes, **fields: str) -> str:
    """The task's id."""
    answers = Running(Load(at.port, [submission(content, **fields)], connections=1, count=1)).answers()
    return str(json.loads(answers.sample)["task_id"])


def measured(what: str, at: Server, load: Load, expected: str) -> Answers:
    """One line."""
    before_s = at.cpu_s()
    answers = Running(load).answers()
    if set(answers.statuses) != {expected}:
        raise RuntimeError(f"{what}: {answers.statuses}, {answers.sample[:300]}")
    server_ms, load_ms = ((cpu_s / len(answers.latencies_s)) * 1000 for cpu_s in (at.cpu_s() - before_s, answers.cpu_s))
    print(f"{shown(what, answers)}  CPU ms each: server {server_ms:.2f}, load {load_ms:.3f}", flush=True)
    return answers


def shown(what: str, answers: Answers) -> str:
    latencies = f"p50 {answers.ms(0.5):7.1f}  p99 {answers.ms(0.99):7.1f}  max {answers.ms(1):7.1f} ms"
    return f"{what:<40} {answers.per_s:8.0f}/s  {latencies}"


def throughput() -> None:
    content = small_file()
    for _ in range(ROUNDS):
        with server("bare") as bare:
            measured("bare: status", bare, Load(bare.port, [get("/status/1")], seconds=POLLS_S), "200")
            measured("bare: submit", bare, Load(bare.port, distinct(content, BURST, "/submit"), seconds=SUBMITS_S), "202")
        with server("parts") as parts:
            same = Load(parts.port, [submission(content)], seconds=SUBMITS_S)
            measured(f"murmur: submit, {BURST} contents", parts, Load(parts.port, distinct(content, BURST), count=BURST), "202")
            task_id = accepted(parts, content)
            measured("murmur: status", parts, Load(parts.port, [get(f"{API}/status/{task_id}")], seconds=POLLS_S), "200")
            measured("murmur: submit, one content", parts, same, "202")


def busy() -> None:
    """Every replica has more than enough to do."""
    with server("whole") as whole:
        long = [accepted(whole, LONG.read_bytes(), prompt=uuid.uuid4().hex[:8]) for _ in range(BUSY_FILES)]
        status, health = get(f"{API}/status/{long[-1]}"), get("/livez")
        submits = distinct(small_file(), round(BUSY_SUBMITS * BUSY_S))
        loads = {
            "status": Running(Load(whole.port, [status], 8, BUSY_S, rate=BUSY_POLLS)),
            "submit": Running(Load(whole.port, submits, 8, BUSY_S, rate=BUSY_SUBMITS)),
            "health": Running(Load(whole.port, [health], 2, BUSY_S, rate=BUSY_HEALTH)),
        }
        for name, load in loads.items():
            answers = load.answers()
            print(f"{shown(f'model busy: {name}', answers)}  {answers.statuses}", flush=True)
        listened(whole, long)


def listened(at: Server, task_ids: list[str]) -> None:
    """All listen to the last job, which comes first when the others are cancelled; its chunks are events for each of them."""
    sizes = [at.memory_bytes()]
    with listen(at.port, f"{API}/{task_ids[-1]}/events", LISTENERS) as listeners:
        listeners.read(OPENED_S)
        sizes.append(at.memory_bytes())
        cancels = [f"DELETE {API}/{task_id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for task_id in task_ids[:-1]]
        Running(Load(at.port, cancels, 1, count=len(cancels))).answers()
        listeners.read(LISTENED_S)
        sizes.append(at.memory_bytes())
        memory = ", ".join(f"{size_bytes / 1024 / 1024:.0f}" for size_bytes in sizes)
        counts = f"{LISTENERS} listeners, {LISTENERS - listeners.open} streams to their end, {listeners.events} events"
        print(f"{counts}: {memory} MiB before, connected, then", flush=True)


def main() -> None:
    logging.disable(logging.WARNING)
    print(conditions(), flush=True)
    parts = sys.argv[1:] or ["throughput", "busy"]
    if "throughput" in parts:
        throughput()
    if "busy" in parts:
        busy()


if __name__ == "__main__":
    main()
