"""Submitting one file: with 202 at once, or with a response that waits for the transcript."""

import time

from aiohttp import web
from pydantic import Field

from producers.gateway.documents.jobs import JobStatus, Submitted
from producers.gateway.http.presence import while_connected
from producers.gateway.http.responses import encoded
from producers.gateway.http.routes import Body, Query, Response, Route, query_of
from producers.gateway.jobs.cancellations import Cancellations
from producers.gateway.jobs.status import PREFIX, Documents
from producers.gateway.jobs.waiting import Waiting
from producers.gateway.parts import Parts
from producers.gateway.submission.accepted import REPLAYED, Accepted
from producers.gateway.submission.idempotency import HEADER
from producers.gateway.submission.json_body import JSON_TYPE, SubmissionDocument
from producers.gateway.submission.options import SubmissionOptions
from producers.gateway.submission.submit import Submissions
from producers.gateway.view.job_view import JobView
from schemas.jobs import JobRequested

FORM_PROBLEMS = (  # of a submission as a form
    *("bad_request", "bad_option", "unknown_field", "unknown_language", "unsupported_language", "unknown_model", "empty"),
    *("no_webhook_secret", "disconnected", "too_slow", "too_large", "not_multipart", "unsupported_encoding"),
    *("unsupported", "no_audio", "corrupt", "unknown_track", "too_long", "store_full"),
    *("in_progress", "key_used", "other_payload"),
)
PROBLEMS = (  # of any submission
    *FORM_PROBLEMS,
    *("forbidden_bucket", "unknown_object", "object_changed"),
    *("bad_url", "forbidden_address", "fetch_refused", "fetch_failed", "fetch_timed_out", "too_many_fetches"),
)
FORM = Body(SubmissionOptions, "multipart/form-data", files=("file",), required=("file",))
JSON = Body(SubmissionDocument, JSON_TYPE)
ACCEPTED = Response("Accepted", Submitted, headers=("Location", "Retry-After", REPLAYED))
WAIT_S = 60.0


class WaitQuery(Query):
    """How long the response may take."""

    wait_s: float = Field(
        WAIT_S,
        ge=0,
        allow_inf_nan=False,
        description="seconds to wait for the transcript, at most; less where the operator says so",
    )
    cancel_on_disconnect: bool = Field(False, description="cancel the job when the client disconnects before the response")


class Doors:
    """Both ways in which one file is submitted."""

    def __init__(self, parts: Parts, submissions: Submissions, documents: Documents, accepted: Accepted) -> None:
        self._max_wait_s = parts.resources.settings.sync_wait_max_s
        self._view = parts.view
        self._waiting = Waiting(parts.view, parts.wakeups)
        self._submissions = submissions
        self._documents = documents
        self._accepted = accepted
        self._cancellations = Cancellations(parts.producer, parts.view)

    def routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                PREFIX,
                self.submit,
                "Submit a file",
                "submission",
                accepts=(HEADER,),
                body=(FORM, JSON),
                responses={202: ACCEPTED},
                problems=PROBLEMS,
                submits=True,
            ),
            Route(
                "POST",
                "/api/transcribe",
                self.transcribe,
                "Submit a file and wait for its transcript",
                "submission",
                query=WaitQuery,
                accepts=(HEADER,),
                body=(FORM, JSON),
                responses={200: JobStatus, 202: ACCEPTED},
                problems=PROBLEMS,
                submits=True,
                waits=True,
            ),
        ]

    async def submit(self, request: web.Request) -> web.Response:
        began_s = time.perf_counter()
        taken = await self._submissions.take(request)
        return self._accepted.response(request, taken.requested, time.perf_counter() - began_s, is_repeat=taken.is_repeat)

    async def transcribe(self, request: web.Request) -> web.Response:
        """200 with the status of the job once it has ended, or 202 with its address after `wait_s`."""
        query = query_of(request, WaitQuery)
        began_s = time.perf_counter()
        taken = await self._submissions.take(request)
        took_s = time.perf_counter() - began_s
        try:
            job = await while_connected(request, self._ended(taken.requested, min(query.wait_s, self._max_wait_s)))
        except ConnectionError:
            if query.cancel_on_disconnect and (job := self._view.get(taken.requested.job.job_id)) is not None:
                await self._cancellations.request(job)
            raise
        if job is None:
            return self._accepted.response(request, taken.requested, took_s, is_repeat=taken.is_repeat)
        body = await self._documents.status(job, self._accepted.prefix(request))
        return encoded(body, headers={REPLAYED: "true"} if taken.is_repeat else None)

    async def _ended(self, requested: JobRequested, wait_s: float) -> JobView | None:
        """The job when it has ended; None if that takes longer."""
        job = self._view.get(requested.job.job_id)
        if job is not None and wait_s > 0:
            job = await self._waiting.job(job, wait_s, "ended")
        return job if job is not None and job.ended else None
