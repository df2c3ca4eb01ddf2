"""Many files in one request: an answer for each, and a joint status for all.

The id of the batch is in the record of each job, so any gateway finds them; no other record says what belongs to a batch.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web
from pydantic import Field

from producers.gateway.access.caller import caller_of
from producers.gateway.documents.batches import BatchCancelled, BatchStatus, BatchSubmitted
from producers.gateway.http.problems import Problem, problem_of
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Body, Response, Route
from producers.gateway.jobs.cancellations import Cancellations
from producers.gateway.jobs.status import Documents
from producers.gateway.parts import Parts
from producers.gateway.submission.accepted import Accepted
from producers.gateway.submission.audio import Audio
from producers.gateway.submission.form import Form, malformed
from producers.gateway.submission.form_files import FormFile
from producers.gateway.submission.idempotency import HEADER
from producers.gateway.submission.json_body import JSON_TYPE, SubmissionDocument, is_json, parse_json, read_object
from producers.gateway.submission.options import SubmissionOptions
from producers.gateway.submission.submit import Acceptance, Door, Submissions
from producers.gateway.submission.submitter import Submitter
from producers.gateway.submission.transcribe import PROBLEMS
from producers.gateway.view.job_view import JobView
from runtime.errors import Invalid, Retry
from schemas.jobs import State

ITEMS_MAX = 100
AT_A_TIME = 4  # of the objects and URLs of one batch
BATCHES = "/api/batches"
Answer = Acceptance | Problem


class BatchDocument(SubmissionOptions):
    """Options that all entries share, and the entries: each names `object` or `url`, and may have options of its own."""

    items: tuple[SubmissionDocument, ...] = Field(min_length=1, max_length=ITEMS_MAX)


class Batches:
    def __init__(self, parts: Parts, submissions: Submissions, documents: Documents, accepted: Accepted) -> None:
        self._view = parts.view
        self._freshness = parts.freshness
        self._rates = parts.rates
        self._submissions = submissions
        self._documents = documents
        self._accepted = accepted
        self._cancellations = Cancellations(parts.producer, parts.view)

    def routes(self) -> list[Route]:
        one = f"{BATCHES}/{{batch_id}}"
        unknown = ("unknown_batch",)
        form = Body(SubmissionOptions, "multipart/form-data", files=("file",), required=("file",))
        return [
            Route(
                "POST",
                "/api/transcribe/batch",
                self.submit,
                f"Submit up to {ITEMS_MAX} files: several parts `file`, or a list of objects and URLs",
                "submission",
                accepts=(HEADER,),
                body=(form, Body(BatchDocument, JSON_TYPE)),
                responses={202: Response("At least one was accepted", BatchSubmitted, headers=("Location",))},
                problems=(*PROBLEMS, "nothing_accepted"),
                submits=True,
                files_max=ITEMS_MAX,
            ),
            Route("GET", one, self.status, "State of a batch", "jobs", responses={200: BatchStatus}, problems=unknown),
            Route("DELETE", one, self.cancel, "Cancel a batch", "jobs", responses={202: BatchCancelled}, problems=unknown),
        ]

    async def submit(self, request: web.Request) -> web.Response:
        began_s = time.perf_counter()
        submitter = Submitter.of(request).of_batch(uuid4())
        self._submissions.check_available(submitter)
        await self._submissions.unfinished.check(submitter.caller)
        async with self._submissions.keys.held(submitter.owner, submitter.key):
            take = self._take_json if is_json(request) else self._take_form
            names, answers = await take(request, submitter)
        self._rates.add_submissions(submitter.caller.key, len(answers) - 1)
        return self._response(request, names, answers, time.perf_counter() - began_s)

    async def status(self, request: web.Request) -> web.Response:
        batch_id, jobs = await self._find(request)
        states = Counter(job.state for job in jobs)
        rows = [self._documents.row(job) for job in jobs]
        body = {
            "success": True,
            "batch_id": str(batch_id),
            "state": joint_state(states),
            "total": len(jobs),
            "counts": states,
            "share": sum(row["share"] for row in rows) / len(rows),
            "jobs": rows,
        }
        return json_response(body)

    async def cancel(self, request: web.Request) -> web.Response:
        batch_id, jobs = await self._find(request)
        running = [job for job in jobs if not job.ended]
        for job in running:
            await self._cancellations.request(job)
        message = "cancellation requested" if running else "all jobs have ended already"
        body = {"success": True, "batch_id": str(batch_id), "cancelled": len(running), "message": message}
        return json_response(body, 202)

    async def _find(self, request: web.Request) -> tuple[UUID, list[JobView]]:
        """Raises Problem 404 only when every gateway would, and Retry while this one's view is not up to date."""
        try:
            batch_id = UUID(request.match_info["batch_id"])
        except ValueError:
            raise Problem(404, "unknown_batch", "A batch_id is a UUID.") from None
        scope = caller_of(request).scope
        jobs = await asyncio.to_thread(self._view.jobs.batch, batch_id, scope)
        if not jobs:
            await self._freshness.reached()
            jobs = await asyncio.to_thread(self._view.jobs.batch, batch_id, scope)
        if not jobs:
            raise Problem(404, "unknown_batch", f"There is no batch {batch_id}.")
        return batch_id, jobs

    async def _take_form(self, request: web.Request, submitter: Submitter) -> tuple[Sequence[str], list[Answer]]:
        files = self._submissions.files(Door(), most=ITEMS_MAX, is_tolerant=True)
        form = await self._submissions.read_form(request, files)
        payload = [form.fields, form.lists, [[file.filename, file.content and file.content.audio_id] for file in files.all]]
        submitter = await self._in_earlier_batch(submitter, payload, len(files.all))
        answers: list[Answer] = []
        try:
            for position, file in enumerate(files.all):
                answers.append(await _answer(self._take_file(file, form, submitter.at(position), payload)))
        except BaseException:
            for file in files.all[len(answers) :]:
                await file.incoming.discard()
            raise
        return [file.filename for file in files.all], answers

    async def _take_file(self, file: FormFile, form: Form, submitter: Submitter, payload: object) -> Acceptance:
        if file.problem is not None:
            raise file.problem
        audio = Audio.of(file)
        try:
            async with self._submissions.unfinished.reserved(submitter.caller):
                return await self._submissions.take_audio(audio, lambda: Door().fields(form), submitter, payload)
        except Problem:
            await audio.discard()
            raise

    async def _take_json(self, request: web.Request, submitter: Submitter) -> tuple[Sequence[str | None], list[Answer]]:
        body = await read_object(request)
        items = _items(body)
        shared = {name: value for name, value in body.items() if name != "items"}
        submitter = await self._in_earlier_batch(submitter, body, len(items))
        places = asyncio.Semaphore(AT_A_TIME)
        names: list[str | None] = [None] * len(items)

        async def take(position: int, item: Mapping[str, Any]) -> Acceptance:
            submission = replace(parse_json({**shared, **item}), body=body)
            names[position] = submission.source.name
            async with places, self._submissions.unfinished.reserved(submitter.caller):
                return await self._submissions.take_json(request, submission, submitter.at(position))

        answers = await asyncio.gather(*(_answer(take(position, item)) for position, item in enumerate(items)))
        return names, answers

    async def _in_earlier_batch(self, submitter: Submitter, payload: object, count: int) -> Submitter:
        """With the id of the batch that an earlier request with the same key has made, if there was one."""
        for position in range(count):
            repeat = submitter.at(position).idempotency(payload)
            earlier = await self._submissions.keys.earlier(repeat) if repeat is not None else None
            if earlier is not None and earlier.job.batch_id is not None:
                return submitter.of_batch(earlier.job.batch_id)
        return submitter

    def _response(
        self, request: web.Request, names: Sequence[str | None], answers: Sequence[Answer], took_s: float
    ) -> web.Response:
        accepted = [answer.requested for answer in answers if isinstance(answer, Acceptance)]
        jobs = [
            self._row(request, index, name, answer, took_s)
            for index, (name, answer) in enumerate(zip(names, answers, strict=True))
        ]
        if not accepted:
            raise _nothing_accepted([answer for answer in answers if isinstance(answer, Problem)], jobs)
        batch_id = accepted[0].job.batch_id
        where = f"{self._accepted.prefix(request)}{BATCHES}/{batch_id}"
        body = {
            "success": len(accepted) == len(answers),
            "batch_id": str(batch_id),
            "batch_url": where,
            "message": f"{len(accepted)} of {len(answers)} files accepted; the batch_url shows their progress",
            "submission_time": round(took_s, 3),
            "jobs": jobs,
        }
        return json_response(body, 202, {"Location": where})

    def _row(self, request: web.Request, index: int, name: str | None, answer: Answer, took_s: float) -> dict[str, Any]:
        if isinstance(answer, Problem):
            return {"index": index, "filename": name, "success": False, "problem": answer.document}
        document = self._accepted.document(request, answer.requested, took_s)
        return {"index": index, "filename": answer.requested.job.filename, **document}


def joint_state(states: Mapping[State, int]) -> State:
    """Of a batch whose jobs are in these states. Pure."""
    present = {state for state, count in states.items() if count}
    if present & {"PENDING", "STARTED"}:
        return "PENDING" if present == {"PENDING"} else "STARTED"
    if "FAILURE" in present:
        return "FAILURE"
    return "REVOKED" if "REVOKED" in present else "SUCCESS"


def _items(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of a batch. What is wrong inside one is that one's answer. Raises Problem 400."""
    items = body.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= ITEMS_MAX or not all(isinstance(item, dict) for item in items):
        raise malformed(f"`items` must be a list of 1 to {ITEMS_MAX} objects, each with `object` or `url`.")
    return items


async def _answer(taking: Coroutine[Any, Any, Acceptance]) -> Answer:
    try:
        return await taking
    except (Problem, Retry, Invalid) as error:
        return problem_of(error)


def _nothing_accepted(problems: Sequence[Problem], jobs: list[dict[str, Any]]) -> Problem:
    """503 if that may help to repeat the request as it is."""
    after_s = next((problem.after_s for problem in problems if problem.status == 503), None)
    if after_s is not None:
        return Problem(
            503, "unavailable", "No file was accepted: the broker or the store is unavailable.", after_s=after_s, jobs=jobs
        )
    return Problem(422, "nothing_accepted", "No file was accepted.", jobs=jobs)
