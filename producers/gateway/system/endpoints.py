"""About the system: models, GPUs, statistics, metrics, and the probes of an orchestrator."""

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from producers.gateway.access.caller import caller_of
from producers.gateway.documents.system import FormatList, GpuStatus, ModelList, Statistics, Status
from producers.gateway.http.problems import Problem
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Access, AnyParameters, Handler, Response, Route
from producers.gateway.parts import Parts
from producers.gateway.system.models import models_document
from producers.gateway.view.job_filter import STATES
from producers.gateway.view.workers import gpu_document
from runtime import metrics
from runtime.formats import FORMATS


class System:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._view = parts.view

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/models", self.models, "The models that jobs may ask for", "system", responses={200: ModelList}),
            Route("GET", "/api/gpu-status", self.gpu_status, "The workers' GPUs", "system", responses={200: GpuStatus}),
            Route("GET", "/api/stats", self.stats, "The last minute, hour and day", "system", responses={200: Statistics}),
            Route("GET", "/api/formats", self.formats, "The result files", "system", responses={200: FormatList}),
            self._metrics_route(),
            _probe("/livez", self.live, "Whether the process responds"),
            _probe("/readyz", self.ready, "Whether it can do its work", "not_ready"),
            _probe("/healthz", self.ready, "As /readyz", "not_ready"),
        ]

    def _metrics_route(self) -> Route:
        text = Response("Prometheus metrics", media_types=("text/plain",))
        access: Access = "open" if self._parts.resources.settings.metrics_open else "admin"
        return Route(
            "GET", "/metrics", self.metrics, "Metrics", "system", query=AnyParameters, responses={200: text}, access=access
        )

    async def models(self, _request: web.Request) -> web.Response:
        return json_response(models_document(self._parts.resources.models, self._view.workers.latest(datetime.now(UTC))))

    async def gpu_status(self, _request: web.Request) -> web.Response:
        return json_response(gpu_document(self._view.workers.latest(datetime.now(UTC))))

    async def formats(self, _request: web.Request) -> web.Response:
        formats = [
            {"name": name, "content_type": each.content_type, "ending": f".{each.ending}", "description": each.about}
            for name, each in FORMATS.items()
        ]
        return json_response({"formats": formats})

    async def stats(self, request: web.Request) -> web.Response:
        """The metrics sink's figures for the last minute, hour and day; those of the caller, if it may not see all jobs."""
        scope = caller_of(request).scope
        figures = self._parts.stats.latest(owner=scope)
        if scope is not None:
            figures |= await asyncio.to_thread(self._unfinished, scope)
        return json_response(figures)

    def _unfinished(self, owner: str) -> dict[str, object]:
        """What the metrics sink does not count by owner."""
        _, oldest = self._view.jobs.unfinished_of(owner)
        job = self._view.get(oldest) if oldest is not None else None
        age_s = (datetime.now(UTC) - job.job.submitted_at).total_seconds() if job is not None else None
        started = self._view.jobs.counts(owner).get("STARTED", 0)
        return {"started_jobs": started, "oldest_job_age_s": None if age_s is None else round(max(0.0, age_s), 3)}

    async def metrics(self, _request: web.Request) -> web.Response:
        counts = await asyncio.to_thread(self._view.jobs.counts)
        for state in STATES:
            metrics.JOBS.labels(state).set(counts.get(state, 0))
        return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def live(self, _request: web.Request) -> web.Response:
        return json_response({"status": "alive"})

    async def ready(self, _request: web.Request) -> web.Response:
        missing = {name: reason for name, reason in self._parts.readiness().items() if reason is not None}
        if missing:
            detail = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
            raise Problem(503, "not_ready", f"Not ready yet: {detail}", after_s=1.0, waiting_for=missing)
        return json_response({"status": "ready"})


def _probe(path: str, handler: Handler, summary: str, *problems: str) -> Route:
    return Route(
        "GET",
        path,
        handler,
        summary,
        "system",
        query=AnyParameters,
        responses={200: Status},
        problems=problems,
        is_probe=True,
    )
