"""Spans reach a collector over OTLP, also those that end just before the process does; one that is away is reported once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from structlog.typing import EventDict

from murmur.tracing import set_up
from runtime import tracing
from runtime.settings import Settings
from tests.waiting import wait_until

Requests = list[tuple[str, str | None, bytes]]


@contextmanager
def collector(status: int = 200) -> Iterator[tuple[str, Requests]]:
    """Its address, and what it gets."""
    got: Requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Content-Type"], body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", got
        server.shutdown()


def trace_to(endpoint: str) -> None:
    """A span of the coordinator."""
    set_up(Settings(otel_exporter_otlp_endpoint=endpoint), "murmur-coordinator")
    tracer = tracing.active("coordinator")
    assert tracer is not None
    tracer.start("process murmur.requests", "consumer", None, {}).end()


def test_a_span_is_exported_with_the_name_of_its_process() -> None:
    with collector() as (address, got):
        trace_to(address)
        tracing.close()
    ((path, content_type, body),) = got
    assert (path, content_type) == ("/v1/traces", "application/x-protobuf")
    assert b"murmur-coordinator" in body
    assert b"process murmur.requests" in body


def test_a_collector_that_takes_nothing_is_one_line(logged: list[EventDict], caplog: pytest.LogCaptureFixture) -> None:
    with collector(400) as (address, got):
        trace_to(address)
        tracing.close()
        wait_until(lambda: logged, "the line")
    assert len(got) == 1
    assert [(line["event"], line["component"]) for line in logged] == [("outage.started", "tracing")]
    assert caplog.records == []
