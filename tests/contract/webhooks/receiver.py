"""A receiver of webhooks on loopback whose path selects its behaviour. Keeps what it got, and verifies every signature."""

import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from standardwebhooks.webhooks import Webhook

from tests.ended import SECRET
from tests.waiting import wait_until

HUGE_BYTES = 1 << 30


class Got(NamedTuple):
    path: str
    webhook_id: str
    body: bytes
    document: dict[str, Any]
    headers: dict[str, str]


class Receiver(ThreadingHTTPServer):
    """Runs in threads from `with` on. `on_ok`: called with each request to /ok before it is answered."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, on_ok: Callable[[Got], None] = lambda got: None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.verifier = Webhook(SECRET)
        self.on_ok = on_ok
        self.got: list[Got] = []
        self.tries: Counter[str] = Counter()
        self.release = threading.Event()  # ends what hangs
        self.sent_bytes = 0
        self.connections: set[tuple[str, int]] = set()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def at(self, path: str) -> list[Got]:
        return [got for got in self.got if got.path == path]

    def wait(self, path: str, count: int) -> list[Got]:
        wait_until(lambda: len(self.at(path)) >= count, f"{count} requests at {path}")
        return self.at(path)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that closes the connection early is part of what is tested."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"  # keeps connections open

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        document = self.server.verifier.verify(body, dict(self.headers.items()))  # raises, and the test gets no request
        assert self.headers["Content-Type"] == "application/json"
        got = Got(self.path, self.headers["webhook-id"], body, document, dict(self.headers.items()))
        self.server.got.append(got)
        self.server.connections.add(self.client_address)
        self.server.tries[self.path] += 1
        behaviour = getattr(self, "_" + self.path.strip("/").partition("/")[0].replace("-", "_"))
        behaviour(got, self.server.tries[self.path])

    do_GET = do_POST  # a redirect that is followed becomes a GET

    def log_message(self, format: str, *args: object) -> None: ...

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": "0", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _ok(self, got: Got, number: int) -> None:
        self.server.on_ok(got)
        self._answer(200)

    def _flaky(self, got: Got, number: int) -> None:
        self._answer(500 if number == 1 else 204)

    def _down(self, got: Got, number: int) -> None:
        self._answer(500)

    def _busy(self, got: Got, number: int) -> None:
        self._answer(429, Retry_After="1") if number == 1 else self._answer(200)

    def _later(self, got: Got, number: int) -> None:
        self._answer(429, Retry_After="3600")

    def _says(self, got: Got, number: int) -> None:
        self._answer(503, Content_Length="13")
        self.wfile.write(b"out of\r\norder")

    def _absent(self, got: Got, number: int) -> None:
        self._answer(404)

    def _gone(self, got: Got, number: int) -> None:
        self._answer(410)

    def _elsewhere(self, got: Got, number: int) -> None:
        self._answer(302, Location=self.server.url("/ok"))

    def _slow(self, got: Got, number: int) -> None:
        self.server.release.wait()

    def _closes(self, got: Got, number: int) -> None:
        self.close_connection = True

    def _nonsense(self, got: Got, number: int) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        self.close_connection = True

    def _huge(self, got: Got, number: int) -> None:
        """As much as the sender lets it write, at a gigabyte's end at the latest."""
        self._answer(200, Content_Length=str(HUGE_BYTES))
        while self.server.sent_bytes < HUGE_BYTES:
            self.server.sent_bytes += self.wfile.write(b"x" * 65536)

    def _long_header(self, got: Got, number: int) -> None:
        self._answer(200, X_Long="x" * 1_000_000)

    def _drip(self, got: Got, number: int) -> None:
        self._answer(200, Content_Length="1000")
        self.wfile.write(b"x")
        self.server.release.wait()
