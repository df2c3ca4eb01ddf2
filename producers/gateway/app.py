"""The HTTP routes and their handlers. A handler finds the job; the other modules of this package do the rest."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import orjson
from aiohttp import web

from producers.gateway.database import ViewUnavailable
from producers.gateway.ended import EndedJobs
from producers.gateway.events import EventStreams
from producers.gateway.feed import Freshness, Wakeups
from producers.gateway.form import MAX_BYTES, OVERHEAD_BYTES, expect_continue
from producers.gateway.listing import PARAMETERS, STATES, cursor, parse_page
from producers.gateway.models import models_document
from producers.gateway.origin import Origins
from producers.gateway.problems import Problem
from producers.gateway.status import PREFIX, Documents, audio_document, estimate_document, message, status_url
from producers.gateway.submission import check_names
from producers.gateway.submit import Submissions
from producers.gateway.view import JobView, View
from producers.gateway.workers import gpu_document
from runtime import metrics
from runtime.formats import FORMATS
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.messages import Output
from runtime.objects import NotFound
from runtime.objects.transcripts import Transcripts
from runtime.resources import Resources
from runtime.stats import Stats
from schemas.codec import Undecodable
from schemas.jobs import CancelRequested, JobRequested
from schemas.topics import CANCELLATIONS

PAGE = Path(__file__).with_name("page.html")
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Readiness = Callable[[], Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that the handlers use. `readiness`: name of a stage or service -> why it is not ready, None when it is."""

    resources: Resources
    producer: AsyncProducer
    view: View
    wakeups: Wakeups
    freshness: Freshness
    stats: Stats
    readiness: Readiness


class Api:
    def __init__(self, parts: Parts) -> None:
        transcripts = Transcripts(parts.resources.objects, parts.resources.settings.work_bucket)
        self._parts = parts
        self._view = parts.view
        self._documents = Documents(parts.view, transcripts)
        self._events = EventStreams(parts.view, self._documents, parts.wakeups)
        self._submissions = Submissions(parts.resources, parts.producer, parts.view, transcripts)
        self._ended = EndedJobs(parts.resources, parts.producer, parts.view, transcripts)
        self._origins = Origins(parts.resources.settings)
        self._page = PAGE.read_bytes()

    def application(self) -> web.Application:
        max_bytes = self._parts.resources.settings.max_upload_bytes
        app = web.Application(client_max_size=max_bytes + OVERHEAD_BYTES, middlewares=[self._checked])
        app[MAX_BYTES] = max_bytes
        app.add_routes([each for route in self._routes() for each in self._spellings(*route)])
        return app

    def _routes(self) -> list[tuple[str, str, Handler]]:
        return [
            ("POST", PREFIX, self.submit),
            ("GET", f"{PREFIX}/status/{{task_id}}", self.status),
            ("GET", f"{PREFIX}/{{task_id}}/events", self.events),
            ("GET", f"{PREFIX}/{{task_id}}/transcript.{{format}}", self.transcript),
            ("DELETE", f"{PREFIX}/{{task_id}}", self.cancel),
            ("GET", "/api/jobs", self.jobs),
            ("DELETE", "/api/jobs/{task_id}", self.delete),
            ("POST", "/api/jobs/{task_id}/retry", self.retry),
            ("GET", "/api/models", self.models),
            ("GET", "/api/gpu-status", self.gpu_status),
            ("GET", "/api/stats", self.stats),
            ("GET", "/metrics", self.metrics),
            ("GET", "/livez", self.live),
            ("GET", "/readyz", self.ready),
            ("GET", "/healthz", self.ready),
            ("GET", "", self.page),
        ]

    def _spellings(self, method: str, path: str, handler: Handler) -> Iterator[web.RouteDef]:
        """With and without a slash at the end, and below the path that a reverse proxy has not removed."""
        more = {"expect_handler": expect_continue} if method == "POST" else {}
        for base in dict.fromkeys(("", self._parts.resources.settings.base_path)):
            yield web.RouteDef(method, f"{base}{path}/", handler, more)
            if base + path:
                yield web.RouteDef(method, base + path, handler, more)

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Before every handler: the request's origin and, of the API, the names of its parameters. Probes answer to anybody."""
        if request.match_info.handler not in (self.live, self.ready):
            self._origins.check(request)
        if "/api/" in request.path and request.match_info.http_exception is None:
            check_names("parameter", request.query, PARAMETERS if request.match_info.handler == self.jobs else ())
        return await handler(request)

    async def submit(self, request: web.Request) -> web.Response:
        return self._accepted(request, await self._submissions.take(request))

    def _accepted(self, request: web.Request, requested: JobRequested) -> web.Response:
        where = self._origins.prefix(request) + status_url(requested.job.job_id)
        body = {
            "success": True,
            "task_id": str(requested.job.job_id),
            "status_url": where,
            "message": "accepted; the status_url shows its progress",
            "submission_time": requested.job.submitted_at,
            "audio": audio_document(requested.job.audio),
            "estimate": estimate_document(self._view.estimates.of(requested.job.job_id)),
        }
        if requested.job.retry_of is not None:
            body["retry_of"] = str(requested.job.retry_of)
        return _json(body, 202, {"Location": where})

    async def status(self, request: web.Request) -> web.Response:
        return _encoded(await self._documents.status(await self._job(request)))

    async def events(self, request: web.Request) -> web.StreamResponse:
        return await self._events.stream(request, await self._job(request))

    async def transcript(self, request: web.Request) -> web.Response:
        name = request.match_info["format"]
        if name not in FORMATS:
            raise Problem(404, "unknown_format", f"The format {name[:20]!r} is unknown.", formats=list(FORMATS))
        job = await self._job(request)
        if job.state != "SUCCESS":
            after_s = None if job.ended else 1.0
            raise Problem(409, "no_transcript", f"There is no transcript: {message(job, 0.0)}.", after_s=after_s, state=job.state)
        try:
            transcript = await self._documents.transcript(job)
        except NotFound:
            raise Problem(410, "gone", "The transcript is no longer in the store: retry the job.") from None
        except Undecodable:
            raise Problem(410, "damaged", "The transcript in the store is damaged: retry the job.") from None
        body = await asyncio.to_thread(FORMATS[name].write, transcript)
        return web.Response(body=body, headers={"Content-Type": f"{FORMATS[name].content_type}; charset=utf-8"})

    async def cancel(self, request: web.Request) -> web.Response:
        job = await self._job(request)
        if job.state in ("SUCCESS", "FAILURE"):
            raise Problem(409, "ended", "The job has ended; there is nothing to cancel.", state=job.state)
        body = {"task_id": str(job.job_id), "state": job.state, "message": "already cancelled"}
        if job.state != "REVOKED":
            cancellation = CancelRequested(job_id=job.job_id, work_id=job.work_id, requested_at=datetime.now(UTC))
            await self._parts.producer.send(Output(CANCELLATIONS, job.work_id, cancellation))
            with contextlib.suppress(ViewUnavailable):  # only a successor of the embedded broker would read it
                await asyncio.to_thread(self._view.cancel, cancellation)
            body["message"] = "cancellation requested"
        return _json(body, 202)

    async def jobs(self, request: web.Request) -> web.Response:
        """The newest jobs, or those after a cursor, and how many there are in each state."""
        page = parse_page(request.query)
        jobs = await asyncio.to_thread(self._view.newest, page.limit, page.state, page.owner, after=page.after)
        counts = await asyncio.to_thread(self._view.counts)
        rows = [self._documents.row(job) for job in jobs]
        return _json({"jobs": rows, "next_cursor": cursor(jobs, page), "counts": counts})

    async def delete(self, request: web.Request) -> web.Response:
        job = await self._job(request)
        await self._ended.delete(job)
        return _json({"task_id": str(job.job_id), "message": "deleted, with its transcript"})

    async def retry(self, request: web.Request) -> web.Response:
        return self._accepted(request, await self._ended.retry(await self._job(request)))

    async def models(self, _request: web.Request) -> web.Response:
        return _json(models_document(self._parts.resources.models, self._view.workers.latest(datetime.now(UTC))))

    async def gpu_status(self, _request: web.Request) -> web.Response:
        return _json(gpu_document(self._view.workers.latest(datetime.now(UTC))))

    async def stats(self, _request: web.Request) -> web.Response:
        """The metrics sink's figures for the last minute, hour and day."""
        return _json(self._parts.stats.latest())

    async def metrics(self, _request: web.Request) -> web.Response:
        counts = await asyncio.to_thread(self._view.counts)
        for state in STATES:
            metrics.JOBS.labels(state).set(counts.get(state, 0))
        return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def live(self, _request: web.Request) -> web.Response:
        return _json({"status": "alive"})

    async def ready(self, _request: web.Request) -> web.Response:
        missing = {name: reason for name, reason in self._parts.readiness().items() if reason is not None}
        if missing:
            detail = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
            raise Problem(503, "not_ready", f"Not ready yet: {detail}", after_s=1.0, waiting_for=missing)
        return _json({"status": "ready"})

    async def page(self, _request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
        return web.Response(body=self._page, content_type="text/html", charset="utf-8", headers=headers)

    async def _job(self, request: web.Request) -> JobView:
        """Raises Problem 404 only when every gateway would; Retry while this one's view is not up to date."""
        text = request.match_info["task_id"]
        try:
            job_id = UUID(text)
        except ValueError:
            raise Problem(404, "unknown_task", "A task_id is a UUID.") from None
        job = self._view.get(job_id)
        if job is None:
            await self._parts.freshness.reached()
            job = self._view.get(job_id)
        if job is None:
            raise Problem(404, "unknown_task", f"There is no task {job_id}.")
        return job


def _json(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return _encoded(orjson.dumps(body), status, headers)


def _encoded(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    response = web.Response(body=body, status=status, content_type="application/json", headers=headers)
    response.headers["Cache-Control"] = "no-store"
    return response
