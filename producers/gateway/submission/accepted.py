"""The response to a submission, and to a retry: 202 with the job's address."""

import math
from typing import Any

from aiohttp import web

from producers.gateway.access.origin import Origins
from producers.gateway.http.responses import json_response
from producers.gateway.jobs.status import audio_document, estimate_document, status_url
from producers.gateway.view.estimates import Estimates
from schemas.jobs import JobRequested

REPLAYED = "Idempotent-Replayed"  # on the response to a repeat
POLL_MIN_S, POLL_MAX_S = 1.0, 30.0  # of the Retry-After: when a client best asks for the status


class Accepted:
    def __init__(self, origins: Origins, estimates: Estimates) -> None:
        self._origins = origins
        self._estimates = estimates

    def response(self, request: web.Request, requested: JobRequested, took_s: float, *, is_repeat: bool = False) -> web.Response:
        """`took_s`: the seconds that the submission took."""
        body = self.document(request, requested, took_s)
        estimate = self._estimates.of(requested.job.job_id)
        poll_s = POLL_MIN_S if estimate is None else min(max(estimate.min_s, POLL_MIN_S), POLL_MAX_S)
        headers = {"Location": body["status_url"], "Retry-After": str(math.ceil(poll_s))}
        if is_repeat:
            headers[REPLAYED] = "true"
        return json_response(body, 202, headers)

    def prefix(self, request: web.Request) -> str:
        return self._origins.prefix(request)

    def document(self, request: web.Request, requested: JobRequested, took_s: float) -> dict[str, Any]:
        body = {
            "success": True,
            "task_id": str(requested.job.job_id),
            "status_url": self.prefix(request) + status_url(requested.job.job_id),
            "message": "accepted; the status_url shows its progress",
            "submission_time": round(took_s, 3),
            "submitted_at": requested.job.submitted_at,
            "audio": audio_document(requested.job.audio),
            "estimate": estimate_document(self._estimates.of(requested.job.job_id)),
        }
        if requested.job.retry_of is not None:
            body["retry_of"] = str(requested.job.retry_of)
        if requested.job.batch_id is not None:
            body["batch_id"] = str(requested.job.batch_id)
        return body
