"""The span of one POST to a receiver, by the conventions for HTTP clients: https://opentelemetry.io/docs/specs/semconv/http/http-spans/

Without the URL beyond its host, which may hold secrets.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from yarl import URL

from runtime import tracing
from schemas.record import TraceContext


@dataclass(slots=True)
class Posted:
    """`trace`: for the receiver, which may continue it. The rest is to be set."""

    trace: TraceContext | None
    outcome: str = "cancelled"
    status_code: int | None = None


@contextmanager
def posting(url: str, trace: TraceContext | None) -> Iterator[Posted]:
    """While a message of this trace is sent and answered."""
    posted, tracer = Posted(trace), tracing.active("webhooks")
    if tracer is None:
        yield posted
        return
    address = URL(url)
    attributes: dict[str, str | int] = {
        "http.request.method": "POST",
        "server.address": address.host or "",
        "server.port": address.port or 0,
    }
    span = tracer.start("POST", "client", trace, attributes)
    posted.trace = span.context
    try:
        yield posted
    finally:
        status = {"http.response.status_code": posted.status_code} if posted.status_code is not None else {}
        span.end(status, error=posted.outcome if posted.outcome != "delivered" else None)
