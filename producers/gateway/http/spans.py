"""The span of a request, by the conventions for HTTP servers: https://opentelemetry.io/docs/specs/semconv/http/http-spans/

Without its query, which may hold secrets. A job belongs to the trace of the request that submitted it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from producers.gateway.http.trace import trace_context
from runtime import tracing
from schemas.record import TraceContext

TRACE = web.RequestKey("trace", TraceContext)
UNTRACED = ("/livez", "/readyz", "/healthz", "/metrics")  # asked every few seconds


@dataclass(slots=True)
class Served:
    """What becomes of a request."""

    status: int | None = None


@contextmanager
def serving(request: web.BaseRequest, route_of: Callable[[web.BaseRequest], str]) -> Iterator[Served]:
    """While a request is served. `route_of`: the route's template, once it is known."""
    served, active = Served(), tracing.active("gateway")
    if active is None or request.path.endswith(UNTRACED):
        yield served
        return
    attributes = {"http.request.method": request.method, "url.path": request.path, "url.scheme": request.scheme}
    span = active.start(request.method, "server", trace_context(request.headers), attributes)
    if (context := span.context) is not None:
        request[TRACE] = context
    try:
        yield served
    finally:
        route, status = route_of(request), served.status
        ending: dict[str, str | int] = {"http.route": route}
        if status is not None:
            ending["http.response.status_code"] = status
        is_failed = status is None or status >= 500
        span.end(ending, name=f"{request.method} {route}", error=str(status or "disconnected") if is_failed else None)


def trace_of(request: web.BaseRequest) -> TraceContext | None:
    """What a job that this request makes is traced by: the request's span, or without tracing what its headers say."""
    return request.get(TRACE) or trace_context(request.headers)
