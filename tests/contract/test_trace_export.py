"""Spans reach a collector over OTLP, also those that end just before the process does."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from murmur.tracing import set_up
from runtime import tracing
from runtime.settings import Settings


def test_a_span_is_exported_with_the_name_of_its_process() -> None:
    got: list[tuple[str, str | None, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Content-Type"], body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        set_up(Settings(otel_exporter_otlp_endpoint=f"http://127.0.0.1:{server.server_port}/"), "murmur-coordinator")
        tracer = tracing.active("coordinator")
        assert tracer is not None
        tracer.start("process murmur.requests", "consumer", None, {}).end()
        tracing.close()
        server.shutdown()
    ((path, content_type, body),) = got
    assert (path, content_type) == ("/v1/traces", "application/x-protobuf")
    assert b"murmur-coordinator" in body
    assert b"process murmur.requests" in body
