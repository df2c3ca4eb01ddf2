"""Jobs: their status, their list, and what can be done with one: cancel, retry, delete."""

import asyncio
import time
from dataclasses import replace

from aiohttp import web

from producers.gateway.access.caller import caller_of
from producers.gateway.documents.jobs import Cancelled, Deleted, JobList, JobStatus, Submitted
from producers.gateway.http.presence import while_connected
from producers.gateway.http.problems import Problem
from producers.gateway.http.responses import encoded, json_response
from producers.gateway.http.routes import Response, Route, query_of
from producers.gateway.http.spans import trace_of
from producers.gateway.jobs.cancellations import Cancellations
from producers.gateway.jobs.ended import EndedJobs
from producers.gateway.jobs.listing import ListQuery, cursor
from producers.gateway.jobs.lookup import JobLookup
from producers.gateway.jobs.status import PREFIX, Documents
from producers.gateway.jobs.waiting import WAIT_MAX_S, StatusQuery, Waiting
from producers.gateway.parts import Parts
from producers.gateway.submission.accepted import Accepted


class Jobs:
    def __init__(self, parts: Parts, lookup: JobLookup, documents: Documents, ended: EndedJobs, accepted: Accepted) -> None:
        self._view = parts.view
        self._cancellations = Cancellations(parts.producer, parts.view)
        self._unfinished = parts.unfinished
        self._lookup = lookup
        self._documents = documents
        self._ended = ended
        self._accepted = accepted
        self._names = documents.names
        self._search = parts.search
        self._waiting_requests = parts.waiting
        self._waiting = Waiting(parts.view, parts.wakeups)

    def routes(self) -> list[Route]:
        job = f"{PREFIX}/{{task_id}}"
        retried = Response("The new job, accepted", Submitted, headers=("Location", "Retry-After"))
        return [
            Route(
                "GET",
                f"{PREFIX}/status/{{task_id}}",
                self.status,
                "State, progress and result of a job",
                "jobs",
                query=StatusQuery,
                responses={200: JobStatus},
                problems=("unknown_task", "too_many_waiting"),
            ),
            Route(
                "DELETE",
                job,
                self.cancel,
                "Cancel a job",
                "jobs",
                responses={202: Cancelled},
                problems=("unknown_task", "ended"),
            ),
            Route("GET", "/api/jobs", self.jobs, "The newest jobs", "jobs", query=ListQuery, responses={200: JobList}),
            Route(
                "DELETE",
                "/api/jobs/{task_id}",
                self.delete,
                "Delete an ended job with its transcript and its uploaded audio",
                "jobs",
                responses={200: Deleted},
                problems=("unknown_task", "not_ended"),
            ),
            Route(
                "POST",
                "/api/jobs/{task_id}/retry",
                self.retry,
                "Retry a job that failed or was cancelled, as a new job",
                "jobs",
                responses={202: retried},
                problems=("unknown_task", "not_failed", "audio_gone", "unsupported_language"),
                submits=True,
            ),
        ]

    async def status(self, request: web.Request) -> web.Response:
        query = query_of(request, StatusQuery)
        job = await self._lookup.find(request)
        if query.wait > 0:
            with self._waiting_requests.counted(caller_of(request)):
                waiting = self._waiting.job(job, min(query.wait, WAIT_MAX_S), query.until)
                job = await while_connected(request, waiting)
        return encoded(await self._documents.status(job, self._accepted.prefix(request), segments=query.segments))

    async def cancel(self, request: web.Request) -> web.Response:
        job = await self._lookup.find(request)
        if job.state in ("SUCCESS", "FAILURE"):
            raise Problem(409, "ended", "The job has ended; there is nothing to cancel.", state=job.state)
        body = {"success": True, "task_id": str(job.job_id), "state": job.state, "message": "already cancelled"}
        if job.state != "REVOKED":
            await self._cancellations.request(job)
            body["message"] = "cancellation requested"
        return json_response(body, 202)

    async def jobs(self, request: web.Request) -> web.Response:
        """The newest jobs, or those after a cursor, and how many there are in each state."""
        page, scope = query_of(request, ListQuery), caller_of(request).scope
        owner = page.owner or scope
        if scope not in (None, owner):  # the caller may not see the jobs of that owner
            is_all = True if page.text is not None else None
            return json_response({"jobs": [], "next_cursor": None, "counts": {}, "transcripts_searched": is_all})
        await self._names.renewed()
        found, is_all = await self._found(page.text, owner) if page.text is not None else ([], None)
        which = replace(page.which, owner=owner, found=tuple(found))
        jobs = await asyncio.to_thread(self._view.jobs.newest, page.limit, which, after=page.cursor)
        counts = await asyncio.to_thread(self._view.jobs.counts, owner)
        rows = [self._documents.row(job) for job in jobs]
        return json_response({"jobs": rows, "next_cursor": cursor(jobs, page), "counts": counts, "transcripts_searched": is_all})

    async def _found(self, text: str, owner: str | None) -> tuple[list[str], bool]:
        """Jobs by a given name of their file, or by what was said, and whether all transcripts were searched."""
        found, is_all = await self._search.find(text, owner)
        return [*found, *self._names.find(text)], is_all

    async def delete(self, request: web.Request) -> web.Response:
        job = await self._lookup.find(request)
        await self._ended.delete(job)
        return json_response({"success": True, "task_id": str(job.job_id), "message": "deleted, with its transcript"})

    async def retry(self, request: web.Request) -> web.Response:
        began_s = time.perf_counter()
        job = await self._lookup.find(request)
        async with self._unfinished.reserved(caller_of(request)):
            requested = await self._ended.retry(job, trace_of(request))
        return self._accepted.response(request, requested, time.perf_counter() - began_s)
