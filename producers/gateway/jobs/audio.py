"""The audio of a job, from the store: whole or in ranges, so that a player can seek. No more than a block is in memory.

It is what a stranger has sent: served only as audio, video or bytes, and sandboxed, it cannot become a page of this origin.
"""

import asyncio
from dataclasses import dataclass
from typing import BinaryIO

from aiohttp import web

from producers.gateway.http.conditional import Validators, content_range
from producers.gateway.http.filenames import content_disposition
from producers.gateway.http.media_types import BY_CONTAINER, BY_ENDING, HEAD_BYTES, UNKNOWN, media_type, media_type_of
from producers.gateway.http.problems import Problem
from producers.gateway.http.routes import Response, Route
from producers.gateway.jobs.lookup import JobLookup
from producers.gateway.view.job_view import JobView
from producers.gateway.view.view import View
from runtime.errors import MurmurError
from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectStore, keys
from schemas.record import ObjectRef

log = get_logger(__name__)
BLOCK_BYTES = 256 * 1024
HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "sandbox; default-src 'none'; media-src 'self'; style-src 'unsafe-inline'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
CONDITIONS = ("Range", "If-Range", "If-None-Match")
FIELDS = ("Accept-Ranges", "ETag", "Content-Disposition")


@dataclass(frozen=True, slots=True)
class _Found:
    """The audio in the store. `ref` names one version, and `validators` its content."""

    ref: ObjectRef
    size_bytes: int
    validators: Validators


class AudioDownloads:
    def __init__(self, objects: ObjectStore, work_bucket: str, view: View, lookup: JobLookup) -> None:
        self._objects = objects
        self._work_bucket = work_bucket
        self._view = view
        self._lookup = lookup

    def routes(self) -> list[Route]:
        media_types = tuple(sorted({*BY_CONTAINER.values(), *BY_ENDING.values(), UNKNOWN}))
        return [
            Route(
                "GET",
                "/api/jobs/{task_id}/audio",
                self.audio,
                "The audio or video of a job",
                "jobs",
                accepts=CONDITIONS,
                responses={
                    200: Response("The file as it was submitted", media_types=media_types, headers=FIELDS),
                    206: Response("The range of bytes", media_types=media_types, headers=(*FIELDS, "Content-Range")),
                    304: Response("The client has it already", media_types=(), headers=("ETag",)),
                },
                problems=("unknown_task", "audio_gone", "bad_range", "precondition_failed"),
            )
        ]

    async def audio(self, request: web.Request) -> web.StreamResponse:
        job = await self._lookup.find(request)
        try:
            found = await asyncio.to_thread(self._find, job)
            if found.validators.is_known(request.headers):
                return web.Response(status=304, headers={**found.validators.headers(), "Cache-Control": HEADERS["Cache-Control"]})
            part = found.validators.wanted(request.headers, found.size_bytes) if request.method == "GET" else None
            kind = await asyncio.to_thread(self._media_type, job, found.ref)
            response = _response(job, kind, found, part)
            if request.method == "HEAD":
                return response
            file = await asyncio.to_thread(self._objects.open, found.ref)
        except NotFound:
            raise Problem(410, "audio_gone", "The audio of the job is no longer in the store.") from None
        try:
            await response.prepare(request)
            await _send(response, file, part or range(found.size_bytes))
        except MurmurError as error:
            log.warning("audio.aborted", job_id=str(job.job_id), error=error)
            _abort(request)
        except ConnectionError:
            _abort(request)
        finally:
            await asyncio.to_thread(file.close)
        return response

    def _find(self, job: JobView) -> _Found:
        """Blocks. Raises NotFound, also for a file that has been replaced, and StoreUnavailable."""
        requested = self._view.jobs.request(job.job_id)
        ref = requested.work.audio if requested is not None else self._ref(job)
        etag = f'"{requested.work.audio_id}"' if requested is not None else None
        if ref.version_id is not None and ref.size_bytes is not None and etag is not None:
            return _Found(ref, ref.size_bytes, Validators(etag))  # also where a newer version is beside it
        info = self._objects.head(ref.bucket, ref.key)
        if ref.etag not in (None, info.etag):
            raise NotFound(f"{ref.bucket}/{ref.key} is another version")
        return _Found(info.ref, info.size_bytes, Validators(etag or f'"{info.etag}"', info.modified_at))

    def _media_type(self, job: JobView, ref: ObjectRef) -> str:
        """Blocks only where neither a probe nor the name says it. Raises as `_find()`."""
        kind = media_type(job.job.audio.container if job.job.audio is not None else None, job.filename)
        if kind != UNKNOWN:
            return kind
        with self._objects.open(ref) as file:
            return media_type_of(file.read(HEAD_BYTES))

    def _ref(self, job: JobView) -> ObjectRef:
        """Of a job whose request is no longer on the topic."""
        own = ObjectRef(bucket=self._work_bucket, key=keys.own_upload_key(job.job))
        return job.job.dropped or job.job.stored or own


def _response(job: JobView, kind: str, found: _Found, part: range | None) -> web.StreamResponse:
    disposition = content_disposition("attachment" if kind == UNKNOWN else "inline", job.filename)
    headers = {**HEADERS, **found.validators.headers(), "Content-Type": kind, "Content-Disposition": disposition}
    response = web.StreamResponse(headers=headers)
    response.content_length = found.size_bytes
    if part is not None:
        response.set_status(206)
        response.content_length = len(part)
        response.headers["Content-Range"] = content_range(part, found.size_bytes)
    return response


async def _send(response: web.StreamResponse, file: BinaryIO, wanted: range) -> None:
    """Raises ConnectionError for a client that reads nothing (`connection.py`), NotFound and StoreUnavailable."""
    await asyncio.to_thread(file.seek, wanted.start)
    left_bytes = len(wanted)
    while left_bytes:
        block = await asyncio.to_thread(file.read, min(BLOCK_BYTES, left_bytes))
        if not block:
            raise NotFound("the object has become shorter")
        left_bytes -= len(block)
        await response.write(block)
    await response.write_eof()


def _abort(request: web.Request) -> None:
    """Too late for an error response. The client sees by the length that the body is cut."""
    if request.transport is not None:
        request.transport.abort()
