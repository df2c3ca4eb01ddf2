"""The response to a submission, and to a retry: 202 with the job's address."""

from aiohttp import web

from producers.gateway.estimates import Estimates
from producers.gateway.origin import Origins
from producers.gateway.responses import json_response
from producers.gateway.status import audio_document, estimate_document, status_url
from schemas.jobs import JobRequested


class Accepted:
    def __init__(self, origins: Origins, estimates: Estimates) -> None:
        self._origins = origins
        self._estimates = estimates

    def response(self, request: web.Request, requested: JobRequested) -> web.Response:
        where = self._origins.prefix(request) + status_url(requested.job.job_id)
        body = {
            "success": True,
            "task_id": str(requested.job.job_id),
            "status_url": where,
            "message": "accepted; the status_url shows its progress",
            "submission_time": requested.job.submitted_at,
            "audio": audio_document(requested.job.audio),
            "estimate": estimate_document(self._estimates.of(requested.job.job_id)),
        }
        if requested.job.retry_of is not None:
            body["retry_of"] = str(requested.job.retry_of)
        return json_response(body, 202, {"Location": where})
