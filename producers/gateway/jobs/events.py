"""Progress as server-sent events: `status` when the state changes, `progress` with the segments in order of time, then the end.

A client that reconnects, here or at another gateway, continues at the position of its Last-Event-ID: nothing is stored for it.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

from aiohttp import web

from producers.gateway.access.origin import Origins
from producers.gateway.http.presence import while_connected
from producers.gateway.http.routes import Response, Route
from producers.gateway.jobs.lookup import JobLookup
from producers.gateway.jobs.ordered_segments import Position
from producers.gateway.jobs.status import PREFIX, Documents
from producers.gateway.view.feed import Wakeups
from producers.gateway.view.job_view import JobView
from producers.gateway.view.view import View
from runtime import metrics

HEARTBEAT_S = 15.0
RETRY_MS = 2000  # after which a browser reconnects
LAST_EVENT_ID = "Last-Event-ID"
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(slots=True)
class _Sent:
    """What the client has. Its text form is the `id` of every event."""

    state: str = ""
    position: Position = field(default_factory=Position)
    share: float = 0.0

    def __str__(self) -> str:
        return f"{self.state}.{self.position}"

    @classmethod
    def parse(cls, text: str) -> "_Sent | None":
        state, _, position = text.partition(".")
        parsed = Position.parse(position)
        return cls(state, parsed) if parsed is not None else None


class EventStreams:
    def __init__(self, view: View, lookup: JobLookup, documents: Documents, wakeups: Wakeups, origins: Origins) -> None:
        self._view = view
        self._lookup = lookup
        self._documents = documents
        self._wakeups = wakeups
        self._origins = origins

    def routes(self) -> list[Route]:
        events = Response("Server-sent events, until the job has ended", media_types=("text/event-stream",))
        path = f"{PREFIX}/{{task_id}}/events"
        summary = "Progress of a job as it happens"
        accepts, problems = (LAST_EVENT_ID,), ("unknown_task",)
        responses = {200: events}
        return [
            Route("GET", path, self.stream, summary, "jobs", accepts=accepts, responses=responses, problems=problems, waits=True)
        ]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Ends after the status event with the terminal state and the result, and when the gateway stops."""
        job = await self._lookup.find(request)
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        listening = self._wakeups.listen(str(job.job_id), job.work_id)
        following = metrics.FOLLOWING.labels("events").track_inprogress()
        with listening as changed, following, contextlib.suppress(ConnectionError):
            await while_connected(request, self._follow(request, response, job, changed))
        return response  # a client that has disconnected needs no end of stream

    async def _follow(self, request: web.Request, response: web.StreamResponse, job: JobView, changed: asyncio.Event) -> None:
        await response.write(b"retry: %d\n\n" % RETRY_MS)
        sent = await self._sent_before(request, response)
        await self._send_changes(response, job, sent, changed, self._origins.prefix(request))
        await response.write_eof()

    async def _sent_before(self, request: web.Request, response: web.StreamResponse) -> _Sent:
        """By the client's word. An id of somebody else says nothing of what it has: it starts again."""
        text = request.headers.get(LAST_EVENT_ID, "")
        sent = _Sent.parse(text) if text else _Sent()
        if sent is None:
            sent = _Sent()
            await _send(response, "restart", b"{}", sent)
        return sent

    async def _send_changes(
        self, response: web.StreamResponse, job: JobView, sent: _Sent, changed: asyncio.Event, prefix: str
    ) -> None:
        while not self._wakeups.closed:
            changed.clear()
            job = self._view.get(job.job_id) or job
            if job.state != sent.state and not job.ended:
                sent.state = job.state
                await _send(response, "status", await self._documents.status(job, prefix, segments=False), sent)
            await self._send_progress(response, job, sent)
            if job.ended:
                sent.state = job.state
                await _send(response, "status", await self._documents.status(job, prefix), sent)
                return
            await _wait(changed, response)

    async def _send_progress(self, response: web.StreamResponse, job: JobView, sent: _Sent) -> None:
        progress = await self._documents.progress(job, sent.position, sent.share)
        if progress.again:
            sent.position = Position()
            await _send(response, "restart", b"{}", sent)
        sent.position, sent.share = progress.position, progress.share
        if progress.document is not None:
            await _send(response, "progress", progress.document, sent)


async def _wait(changed: asyncio.Event, response: web.StreamResponse) -> None:
    """Until something changed; a comment keeps the connection open."""
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await changed.wait()
                return
        except TimeoutError:
            await response.write(b": heartbeat\n\n")


async def _send(response: web.StreamResponse, event: str, data: bytes, sent: _Sent) -> None:
    await response.write(b"event: %b\nid: %b\ndata: %b\n\n" % (event.encode(), str(sent).encode(), data))
