"""Progress as server-sent events: `status` when the state changes, `progress` with the new segments, then the end.

A client that comes back is told everything so far again, so nothing is kept for it here.
"""

import asyncio
from uuid import UUID

import orjson
from aiohttp import web

from producers.gateway.feed import Wakeups
from producers.gateway.status import Documents, progress_document
from producers.gateway.view import JobView, View
from schemas.work import Span

HEARTBEAT_S = 15.0
STUCK_S = 30.0  # a client that takes nothing for so long is gone
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


class EventStreams:
    def __init__(self, view: View, documents: Documents, wakeups: Wakeups) -> None:
        self._view = view
        self._documents = documents
        self._wakeups = wakeups

    async def stream(self, request: web.Request, job: JobView) -> web.StreamResponse:
        """Ends after the status that tells the terminal state, result included."""
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        seen: set[Span] = set()
        told: tuple[str, float] | None = None
        with self._wakeups.listen(str(job.job_id), job.work_id) as changed:
            while True:
                changed.clear()
                job = self._newest(job.job_id, job)
                if told is None or told[0] != job.state:
                    await _send(response, "status", await self._documents.status(job))
                    if job.ended:
                        break
                share = self._view.progress.share(job.work_id)
                segments = self._view.progress.new(job.work_id, seen)
                if segments or (told is not None and told[1] != share):
                    await _send(response, "progress", progress_document(share, segments))
                told = (job.state, share)
                await _wait(changed, response)
        await response.write_eof()
        return response

    def _newest(self, job_id: UUID, known: JobView) -> JobView:
        return self._view.get(job_id) or known


async def _wait(changed: asyncio.Event, response: web.StreamResponse) -> None:
    """Until something changed; a comment now and then keeps the connection open."""
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await changed.wait()
                return
        except TimeoutError:
            await _write(response, b": still there\n\n")


async def _send(response: web.StreamResponse, event: str, data: object) -> None:
    await _write(response, b"event: %b\ndata: %b\n\n" % (event.encode(), orjson.dumps(data)))


async def _write(response: web.StreamResponse, data: bytes) -> None:
    try:
        async with asyncio.timeout(STUCK_S):
            await response.write(data)
    except TimeoutError:
        raise ConnectionResetError("the client takes nothing any more") from None
