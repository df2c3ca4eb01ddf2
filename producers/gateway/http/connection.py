"""One connection and how slow its client may be: with a header, with a body, and in reading a response.

aiohttp closes a connection that waits for the end of a header for `idle_s`. The other limits are checked here, for every handler.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import orjson
from aiohttp import StreamReader, web

from producers.gateway.http.connections import Connections
from producers.gateway.http.problems import Problem
from runtime import metrics
from runtime.logs import get_logger

log = get_logger(__name__)
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How slow a client may be. `idle_s`: until a request's header is complete; less than proxies keep a connection. In
    `stalled_s` at least `progress_bytes` of a body arrive, or of a response are taken. `header_bytes`: of one request.
    `lingering_s`: how long what follows a rejected request is read, so that the client sees the response."""

    idle_s: float = 15.0
    stalled_s: float = 30.0
    progress_bytes: int = 8 * 1024
    header_bytes: int = 64 * 1024
    lingering_s: float = 5.0


@dataclass(slots=True)
class _Mark:
    """How far something had come, and when."""

    at_s: float = 0.0
    bytes: int = 0


class Connection(web.RequestHandler):
    """Of one client. `check()` is called now and then. Requests that cannot be parsed get a problem as well. `lost`: it is
    closed, by whichever side."""

    __slots__ = (
        "_body", "_connections", "_handled", "_header_bytes", "_patience", "_received", "_received_bytes",
        "_refused_s", "_unsent", "_wire", "client", "lost",
    )  # fmt: skip

    def __init__(self, connections: Connections, server: web.Server, loop: asyncio.AbstractEventLoop, patience: Patience) -> None:
        options: dict[str, Any] = {
            "keepalive_timeout": patience.idle_s,
            "lingering_time": patience.lingering_s,
            "access_log": None,
        }
        # No request is decompressed: a small one could unpack to anything.
        super().__init__(server, loop=loop, auto_decompress=False, **options)
        self.client: str | None = None
        self.lost = asyncio.Event()
        self._connections = connections
        self._patience = patience
        self._wire: asyncio.Transport | None = None
        self._body: StreamReader | None = None  # of the last request
        self._handled = 0  # requests
        self._header_bytes = 0  # of the next request
        self._received_bytes = 0
        self._received = _Mark()
        self._unsent = _Mark()
        self._refused_s: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.Transport, transport)
        peer = self._wire.get_extra_info("peername")
        self.client = self._connections.client_of(str(peer[0])) if isinstance(peer, tuple) else None
        if (problem := self._connections.admit(self)) is not None:
            self._refuse(problem)
        else:
            super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._connections.left(self)
        super().connection_lost(exc)
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        if self._refused_s is not None:
            return
        self._received_bytes += len(data)
        super().data_received(data)
        if self._awaits_header:
            self._header_bytes += len(data)
            if self._header_bytes > self._patience.header_bytes:
                metrics.HTTP_CONNECTIONS_ABORTED.labels("header_too_large").inc()
                detail = f"The header of the request has more than {self._patience.header_bytes} bytes."
                self._refuse(Problem(431, "header_too_large", detail))

    async def _handle_request(
        self, request: web.BaseRequest, start_time: float | None, request_handler: Handler
    ) -> tuple[web.StreamResponse, bool]:
        self._body = request.content
        self._received = _Mark(time.monotonic(), self._received_bytes)
        self._connections.works(self)
        try:
            return await super()._handle_request(request, start_time, request_handler)
        finally:
            self._handled += 1
            self._header_bytes = 0
            self._connections.waits(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("connection.failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the response has begun; it can no longer become an error")
        detail = "The request cannot be parsed."
        response = Problem(status, HTTPStatus(status).phrase.lower().replace(" ", "_"), detail).response()
        response.force_close()
        return response

    def check(self, now_s: float) -> None:
        """Ends what makes no progress."""
        if self._refused_s is not None:
            if now_s - self._refused_s > self._patience.lingering_s:
                self.abort()
            return
        self._check_body(now_s)
        self._check_response(now_s)

    def abort(self) -> None:
        if self._wire is not None:
            self._wire.abort()

    @property
    def _awaits_header(self) -> bool:
        return self._handled == self._request_count and (self._body is None or self._body.is_eof())

    def _check_body(self, now_s: float) -> None:
        """Whoever reads the body gets Problem 408. While the handler does not read, the client is not to blame."""
        body, mark = self._body, self._received
        is_expected = body is not None and not body.is_eof() and self._handled < self._request_count and not self._reading_paused
        if not is_expected or self._received_bytes - mark.bytes >= self._patience.progress_bytes:
            self._received = _Mark(now_s, self._received_bytes)
        elif body is not None and body.exception() is None and now_s - mark.at_s > self._patience.stalled_s:
            metrics.HTTP_CONNECTIONS_ABORTED.labels("body_stalled").inc()
            self._lingering_time = 0.0
            body.set_exception(Problem(408, "too_slow", f"The body stalled for {self._patience.stalled_s:.0f} s."))

    def _check_response(self, now_s: float) -> None:
        """While more is written than the client takes, or after the end of the last response."""
        assert self._wire is not None
        size, mark = self._wire.get_write_buffer_size(), self._unsent
        is_expected = size > 0 and (self.writing_paused or self._wire.is_closing())
        if not is_expected or size > mark.bytes or mark.bytes - size >= self._patience.progress_bytes:
            self._unsent = _Mark(now_s, size)
        elif now_s - mark.at_s > self._patience.stalled_s:
            metrics.HTTP_CONNECTIONS_ABORTED.labels("response_stalled").inc()
            self.abort()

    def _refuse(self, problem: Problem) -> None:
        """Answers, and reads no more. It is closed when the client has closed its side."""
        assert self._wire is not None
        self._refused_s = time.monotonic()
        self._connections.left(self)
        self._wire.write(_raw(problem))
        if self._wire.can_write_eof() and self._connections.linger(self):
            self._wire.write_eof()
        else:
            self._wire.close()


def _raw(problem: Problem) -> bytes:
    """The response as it is sent where there is no request."""
    body = orjson.dumps(problem.document)
    headers = {
        **{name: value for name, value in problem.response().headers.items()},
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {problem.status} {problem.document['title']}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
