"""The path of the names that readers give to a job's file and to its speakers."""

import asyncio

from aiohttp import web

from producers.gateway.documents.names import JobNames, Names
from producers.gateway.http.problems import Problem
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Route
from producers.gateway.jobs.listed_names import ListedNames
from producers.gateway.jobs.lookup import JobLookup
from producers.gateway.jobs.names import GivenNames
from producers.gateway.submission.json_body import read_model
from producers.gateway.view.job_view import JobView

PATH = "/api/jobs/{task_id}/names"
BODY_PROBLEMS = (
    "bad_request",
    "bad_option",
    "unknown_field",
    "too_large",
    "too_slow",
    "unsupported_encoding",
    "disconnected",
    "store_full",
)


class NamesOfJobs:
    def __init__(self, lookup: JobLookup, given: GivenNames, listed: ListedNames) -> None:
        self._lookup = lookup
        self._given = given
        self._listed = listed

    def routes(self) -> list[Route]:
        shown = {200: JobNames}
        return [
            Route(
                "GET",
                PATH,
                self.show,
                "The names that readers gave to the file of a job and to its speakers",
                "transcripts",
                responses=shown,
                problems=("unknown_task",),
            ),
            Route(
                "PUT",
                PATH,
                self.replace,
                "Name the file of a job and its speakers",
                "transcripts",
                body=Names,
                responses=shown,
                problems=("unknown_task", *BODY_PROBLEMS),
                description="Replaces all earlier names. Transcripts as txt, srt and vtt have the names of speakers.",
            ),
        ]

    async def show(self, request: web.Request) -> web.Response:
        job = await self._lookup.find(request)
        return await asyncio.to_thread(self._response, job)

    async def replace(self, request: web.Request) -> web.Response:
        """The job may be deleted until its names are written: then they are deleted, too."""
        job = await self._lookup.find(request)
        names = await read_model(request, Names)
        await asyncio.to_thread(self._given.write, job, names)
        try:
            await self._lookup.find(request, is_fresh=True)
        except Problem:
            await asyncio.to_thread(self._given.delete, job)
            raise
        self._listed.note(job, names.filename)
        return await asyncio.to_thread(self._response, job)

    def _response(self, job: JobView) -> web.Response:
        names, changed_at = self._given.read(job).model_dump(), self._given.changed_at(job)
        return json_response({"success": True, "task_id": str(job.job_id), **names, "changed_at": changed_at})
