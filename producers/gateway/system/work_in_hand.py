"""`/api/sessions`: what runs where now, from the workers' reports and the view."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from producers.gateway.access.caller import caller_of
from producers.gateway.documents.sessions import SessionList
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Route
from producers.gateway.jobs.status import Documents
from producers.gateway.view.job_filter import JobFilter
from producers.gateway.view.job_view import JobView
from producers.gateway.view.view import View
from schemas.worker import WorkerReported, WorkerRun

JOBS_MAX = 500  # started jobs that are looked at, the newest ones
InHand = tuple[WorkerReported, WorkerRun]


class WorkInHand:
    def __init__(self, view: View, documents: Documents) -> None:
        self._view = view
        self._documents = documents

    def routes(self) -> list[Route]:
        summary = "What runs where now"
        return [Route("GET", "/api/sessions", self.sessions, summary, "system", responses={200: SessionList})]

    async def sessions(self, request: web.Request) -> web.Response:
        return json_response({"sessions": await asyncio.to_thread(self._rows, caller_of(request).scope)})

    def _rows(self, owner: str | None) -> list[dict[str, Any]]:
        """The jobs that run, each with every worker that has chunks of it; not those that have ended since its last report."""
        running = in_hand(self._view.workers.latest(datetime.now(UTC)))
        jobs = self._view.jobs.newest(JOBS_MAX, JobFilter(states=("STARTED",), owner=owner))
        return [row for job in jobs for row in self._rows_of(job, running)]

    def _rows_of(self, job: JobView, running: Mapping[str, Sequence[InHand]]) -> Iterator[dict[str, Any]]:
        about = {
            "task_id": str(job.job_id),
            "filename": job.filename,
            "owner": job.job.owner,
            "state": job.state,
            "model": job.model.name,
            "since": job.started_at or job.job.submitted_at,
            "progress": self._documents.progress_figures(job),
        }
        for report, run in running.get(job.work_id, ()):
            yield {
                **about,
                "worker": report.worker_id,
                "device": next((model.device for model in report.models if model.name == run.model), None),
                "lane": run.lane,
                "chunks": run.chunks,
                "chunks_since": run.since,
            }
        if job.work_id not in running:
            yield {**about, "worker": None, "device": None, "lane": job.job.lane, "chunks": 0, "chunks_since": None}


def in_hand(reports: Sequence[WorkerReported]) -> Mapping[str, Sequence[InHand]]:
    """By work."""
    runs: dict[str, list[InHand]] = defaultdict(list)
    for report in reports:
        for run in report.running or ():
            runs[run.work_id].append((report, run))
    return runs
