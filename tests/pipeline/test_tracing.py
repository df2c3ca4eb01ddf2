"""One trace from a request or a drop through every stage to the webhook; and nothing secret in spans, logs and metrics."""

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from shutil import copy

import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from pydantic import SecretStr

from murmur.dev import Dev
from runtime import logs
from runtime.settings import Settings
from tests.clips import BY_NAME
from tests.contract.webhooks.receiver import Receiver
from tests.ended import SECRET
from tests.pipeline.client import Answer, Client
from tests.pipeline.reading import ended_jobs
from tests.spans import PARENT_ID, TRACE_ID, TRACEPARENT, Spans, id_of, parent_of, recorded, trace_id_of
from tests.waiting import DEADLINE_S, wait_until

CLIP = BY_NAME["en-command.wav"]
SIGNATURE = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
PRESIGNED = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={SIGNATURE}"
FROM_REQUEST = {  # each span by name, with its parent's
    ("process murmur.requests", "send murmur.requests"),
    ("process murmur.decodes", "process murmur.requests"),
    ("process murmur.chunks.interactive", "process murmur.decodes"),
    ("transcribe batch", "process murmur.chunks.interactive"),
    ("process murmur.chunk-results", "process murmur.decodes"),
    ("process murmur.chunk-results", "process murmur.chunks.interactive"),
    ("process murmur.jobs", "process murmur.chunk-results"),
    ("process murmur.transcripts", "process murmur.chunk-results"),
    ("process murmur.webhook-deliveries", "process murmur.jobs"),
}


@dataclass
class Traced:
    """A system that is traced, and everything that it has written."""

    system: Dev
    client: Client
    spans: Spans
    log: io.StringIO

    def edges(self, trace_id: str) -> set[tuple[str, str | None]]:
        found = {id_of(span): span for span in self.spans.of(trace_id)}
        return {(span.name, _name(found, parent_of(span))) for span in found.values()}


def _name(spans: dict[str, ReadableSpan], span_id: str | None) -> str | None:
    return spans[span_id].name if span_id in spans else span_id


@contextmanager
def logged_to(stream: io.StringIO, settings: Settings) -> Iterator[None]:
    """As `murmur dev` logs."""
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in logs.OURS]
    before, levels = (root.level, root.handlers[:]), [logger.level for logger in ours]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        logs.set_up(settings)
    try:
        yield
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        for logger, level in zip(ours, levels, strict=True):
            logger.setLevel(level)


@pytest.fixture(scope="module")
def traced(settings_factory: Callable[..., Settings]) -> Iterator[Traced]:
    settings = settings_factory(
        webhook_secret=SecretStr(SECRET),
        webhook_allow_private=True,
        fetch_allow_private=True,
        log_level="DEBUG",
        log_format="json",
    )
    log = io.StringIO()
    with logged_to(log, settings), recorded() as spans, Dev(settings) as system:
        system.wait_ready(DEADLINE_S)
        assert system.address is not None
        yield Traced(system, Client(system.address), spans, log)


def test_a_request_is_one_trace_from_its_caller_to_the_webhook(traced: Traced) -> None:
    with Receiver() as receiver:
        answer = traced.client.post(
            CLIP.path.name, CLIP.path.read_bytes(), {"traceparent": TRACEPARENT}, webhook_url=receiver.url("/ok")
        )
        assert answer.status == 202
        (got,) = receiver.wait("/ok", 1)
    server = ("POST /api/transcribe/async", PARENT_ID)
    wanted = FROM_REQUEST | {server, ("send murmur.requests", server[0]), ("POST", server[0])}
    wait_until(lambda: traced.edges(TRACE_ID) >= wanted, "all spans")
    (post,) = (span for span in traced.spans.named("POST") if trace_id_of(span) == TRACE_ID)
    assert got.headers["traceparent"] == f"00-{TRACE_ID}-{id_of(post)}-01", "the receiver's span would be its child"


def test_a_drop_is_one_trace_from_its_event_to_the_result_files(traced: Traced) -> None:
    assert traced.system.settings.inbox is not None
    copy(CLIP.path, traced.system.settings.inbox / "traced.wav")
    (job,) = wait_until(lambda: ended_jobs(traced.system, "traced.wav"), "the end of the drop's job")
    assert job.trace_id is not None
    found = traced.edges(job.trace_id)
    assert ("process murmur.uploads", None) in found
    assert ("process murmur.requests", "process murmur.uploads") in found
    wait_until(lambda: any(name == "process murmur.transcripts" for name, _ in traced.edges(job.trace_id or "")), "the files")


class Storage(BaseHTTPRequestHandler):
    """Serves the clip at presigned URLs; what is called `gone` has expired."""

    def do_GET(self) -> None:
        content = b"" if "gone" in self.path else CLIP.path.read_bytes()
        self.send_response(200 if content else 403)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def storage() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Storage) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_nothing_secret_is_in_logs_spans_and_metrics(traced: Traced) -> None:
    """Of files at presigned URLs, with presigned URLs as their webhooks: some of them work and some fail."""

    def submit(name: str, webhook: str) -> Answer:
        body = {"url": f"{address}/{name}.wav?{PRESIGNED}", "webhook_url": f"{receiver.url(webhook)}?{PRESIGNED}", "prompt": name}
        return traced.client.request("POST", "/api/transcribe/async", orjson.dumps(body), {"Content-Type": "application/json"})

    with Receiver() as receiver, storage() as address:
        assert submit("gone", "/ok/").status == 422
        texts = []
        for name, webhook in (("works", "/ok/"), ("refused", "/gone/")):
            texts.append(traced.client.ended(submit(name, webhook).json["task_id"])["result"]["transcription"]["text"].strip())
            receiver.wait(f"{webhook}?{PRESIGNED}", 1)
        wait_until(lambda: '"webhook.given_up"' in traced.log.getvalue(), "the line of the webhook that was refused")
    written = {
        "log": traced.log.getvalue(),
        "spans": "\n".join(span.to_json() for span in traced.spans.all()),
        "metrics": traced.client.request("GET", "/metrics").body.decode(),
    }
    assert all(texts)
    assert all('"chunk.transcribed"' in text for name, text in written.items() if name == "log"), "it logs at DEBUG"
    for what, found in written.items():
        leaked = [secret for secret in (*texts, SECRET.removeprefix("whsec_"), SIGNATURE, PRESIGNED) if secret in found]
        assert leaked == [], what
