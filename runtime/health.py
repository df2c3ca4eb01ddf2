"""`/livez`, `/readyz` and `/metrics` of one stage's process, for Kubernetes and Prometheus. The gateway has its own.

Served from a thread with a lock-free view of the stage, so that a worker deep in a model call still answers.
"""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runtime import metrics
from runtime.errors import UsageError
from runtime.resources import Stage
from runtime.settings import Settings


@contextlib.contextmanager
def serving(settings: Settings, stage: Stage) -> Iterator[None]:
    """Serves on MURMUR_HEALTH_PORT while the body runs; does nothing if that is unset."""
    if settings.health_port is None:
        yield
        return
    try:
        server = ThreadingHTTPServer((settings.gateway_host, settings.health_port), handler_for(stage))
    except OSError as error:
        where = f"{settings.gateway_host}:{settings.health_port}"
        raise UsageError(f"the health port {where} cannot be opened: {error.strerror}. Set MURMUR_HEALTH_PORT") from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def handler_for(stage: Stage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/livez":
                self._answer(200, b"ok\n")
            elif self.path == "/readyz":
                why = stage.not_ready()
                self._answer(503 if why else 200, f"{why or 'ok'}\n".encode())
            elif self.path == "/metrics":
                self._answer(200, metrics.exposition(), metrics.CONTENT_TYPE)
            else:
                self._answer(404, b"available: /livez, /readyz and /metrics\n")

        def _answer(self, status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds: not logged."""

    return Handler
