"""Progress as server-sent events: `status` when the state changes, `progress` with the new segments, then the end.

A client that reconnects gets everything so far again, so nothing is stored for it.
"""

import asyncio
import contextlib

from aiohttp import web

from producers.gateway.feed import Wakeups
from producers.gateway.lookup import JobLookup
from producers.gateway.routes import Response, Route
from producers.gateway.status import PREFIX, Documents
from producers.gateway.view import JobView, View
from schemas.work import Span

HEARTBEAT_S = 15.0
STUCK_S = 30.0  # a client that reads nothing for this long is disconnected
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


class EventStreams:
    def __init__(self, view: View, lookup: JobLookup, documents: Documents, wakeups: Wakeups) -> None:
        self._view = view
        self._lookup = lookup
        self._documents = documents
        self._wakeups = wakeups

    def routes(self) -> list[Route]:
        events = Response("Server-sent events, until the job has ended", media_types=("text/event-stream",))
        path = f"{PREFIX}/{{task_id}}/events"
        summary = "Progress of a job as it happens"
        return [Route("GET", path, self.stream, summary, "jobs", responses={200: events}, problems=("unknown_task",))]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Ends after the status event with the terminal state and the result."""
        job = await self._lookup.find(request)
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        with self._wakeups.listen(str(job.job_id), job.work_id) as changed, contextlib.suppress(ConnectionError):
            await self._send_changes(response, job, changed)
            await response.write_eof()
        return response  # a client that has disconnected needs no end of stream

    async def _send_changes(self, response: web.StreamResponse, job: JobView, changed: asyncio.Event) -> None:
        seen: set[Span] = set()
        state, share = "", 0.0
        while True:
            changed.clear()
            job = self._view.get(job.job_id) or job
            if job.state != state:
                await _send(response, "status", await self._documents.status(job))
                state = job.state
            if job.ended:
                return
            share, progress = await self._documents.progress(job, seen, share)
            if progress is not None:
                await _send(response, "progress", progress)
            await _wait(changed, response)


async def _wait(changed: asyncio.Event, response: web.StreamResponse) -> None:
    """Until something changed; a comment keeps the connection open."""
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await changed.wait()
                return
        except TimeoutError:
            await _write(response, b": still there\n\n")


async def _send(response: web.StreamResponse, event: str, data: bytes) -> None:
    await _write(response, b"event: %b\ndata: %b\n\n" % (event.encode(), data))


async def _write(response: web.StreamResponse, data: bytes) -> None:
    try:
        async with asyncio.timeout(STUCK_S):
            await response.write(data)
    except TimeoutError:
        raise ConnectionResetError("the client has stopped reading") from None
