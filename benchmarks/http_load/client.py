"""The load: a process that sends prepared requests over raw sockets, and costs a small part of what it measures.

One JSON object in on standard input (`Load`), one out on standard output (`Answers`). `python -m benchmarks.http_load.client`.
"""

import base64
import contextlib
import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle

from benchmarks.figures import percentile

IDLE_S = 0.05
HEAD_END, LENGTH = b"\r\n\r\n", b"content-length: "


@dataclass(frozen=True, slots=True)
class Load:
    """`requests` are sent in turn, for `seconds` or until there have been `count`. With a `rate` one begins every 1/rate seconds,
    and its time counts from then, however late it is sent; without, every connection sends as soon as it has its answer."""

    port: int
    requests: Sequence[bytes]
    connections: int = 32
    seconds: float = 3600.0
    count: int = sys.maxsize
    rate: float | None = None

    def to_json(self) -> str:
        values = asdict(self)
        return json.dumps(values | {"requests": [base64.b64encode(request).decode() for request in self.requests]})

    @classmethod
    def from_json(cls, text: str) -> "Load":
        values = json.loads(text)
        return cls(**values | {"requests": [base64.b64decode(request) for request in values["requests"]]})


@dataclass(frozen=True, slots=True)
class Answers:
    """`seconds`: from the first request to the last answer. `cpu_s`: of the client itself. `sample`: a body."""

    statuses: dict[str, int]
    seconds: float
    latencies_s: list[float] = field(repr=False)
    cpu_s: float
    sample: str

    @property
    def per_s(self) -> float:
        return len(self.latencies_s) / self.seconds

    def ms(self, share: float) -> float:
        return percentile(self.latencies_s, share) * 1000


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    began_s: float = 0.0
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    received: bytes = b""
    needed: int = 0


class _Run:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._selector = selectors.DefaultSelector()
        self._requests = cycle(load.requests)
        self._free: deque[_Connection] = deque()
        self._due: deque[float] = deque()
        self._sent = 0
        self._statuses: Counter[str] = Counter()
        self._latencies_s: list[float] = []
        self._sample = b""

    def run(self) -> Answers:
        load = self._load
        connections = [_Connection(_connected(load.port)) for _ in range(load.connections)]
        for connection in connections:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._free.append(connection)
        began_s, cpu_s = time.perf_counter(), time.process_time()
        until_s = began_s + load.seconds
        in_flight, is_over = 0, False
        while in_flight or not is_over:
            now_s = time.perf_counter()
            is_over = is_over or now_s >= until_s or self._sent >= load.count
            if not is_over:
                self._schedule(now_s, began_s)
                while self._free and self._due and self._sent < load.count:
                    self._send(self._free.popleft(), self._due.popleft())
            in_flight = load.connections - len(self._free)
            for key, events in self._selector.select(self._wait_s(began_s) if not in_flight or self._free else IDLE_S):
                self._serve(key.data, events)
            in_flight = load.connections - len(self._free)
        return Answers(
            dict(self._statuses),
            time.perf_counter() - began_s,
            self._latencies_s,
            time.process_time() - cpu_s,
            self._sample.decode(errors="replace"),
        )

    def _schedule(self, now_s: float, began_s: float) -> None:
        """When the next requests begin: now on every free connection, or by the rate."""
        if self._load.rate is None:
            self._due.extend([now_s] * (len(self._free) - len(self._due)))
            return
        while (due_s := began_s + (self._sent + len(self._due)) / self._load.rate) <= now_s:
            self._due.append(due_s)

    def _wait_s(self, began_s: float) -> float:
        if self._load.rate is None:
            return IDLE_S
        return max(0.0, min(IDLE_S, began_s + (self._sent + len(self._due)) / self._load.rate - time.perf_counter()))

    def _send(self, connection: _Connection, began_s: float) -> None:
        self._sent += 1
        connection.began_s = began_s
        connection.unsent = memoryview(next(self._requests))
        self._write(connection)
        if connection.unsent:
            self._selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)

    def _write(self, connection: _Connection) -> None:
        with contextlib.suppress(BlockingIOError):
            connection.unsent = connection.unsent[connection.socket.send(connection.unsent) :]

    def _serve(self, connection: _Connection, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._write(connection)
            if not connection.unsent:
                self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
        if events & selectors.EVENT_READ:
            data = connection.socket.recv(262_144)
            if not data:
                raise RuntimeError(f"the server has closed a connection after {len(self._latencies_s)} answers")
            connection.received += data
            if connection.needed or HEAD_END in connection.received:
                self._read(connection)

    def _read(self, connection: _Connection) -> None:
        received = connection.received
        if not connection.needed:
            head, _, _ = received.partition(HEAD_END)
            connection.needed = len(head) + 4 + int(head.lower().partition(LENGTH)[2].partition(b"\r\n")[0])
        if len(received) < connection.needed:
            return
        self._latencies_s.append(time.perf_counter() - connection.began_s)
        self._statuses[received[9:12].decode()] += 1
        self._sample = received.partition(HEAD_END)[2]
        connection.received, connection.needed = b"", 0
        self._free.append(connection)


def _connected(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setblocking(False)
    return made


class Running:
    """A load in a process of its own, from construction on."""

    def __init__(self, load: Load) -> None:
        command = [sys.executable, "-m", "benchmarks.http_load.client"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        self._process.stdin.write(load.to_json())
        self._process.stdin.close()

    def answers(self) -> Answers:
        """Blocks until it is over."""
        assert self._process.stdout is not None
        text = self._process.stdout.read()
        if self._process.wait() != 0:
            raise RuntimeError("the load has failed")
        return Answers(**json.loads(text))


def main() -> None:
    print(json.dumps(asdict(_Run(Load.from_json(sys.stdin.read())).run())))


if __name__ == "__main__":
    main()
