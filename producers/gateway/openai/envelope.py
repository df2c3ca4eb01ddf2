"""Errors below `/v1` in OpenAI's form, with the status codes that its clients map to their exceptions.

`guarded()` in `problems.py` has every error written by a renderer, also those that arise before there is a handler.
"""

from http import HTTPStatus
from uuid import uuid4

import orjson
from aiohttp import web

from producers.gateway.documents.openai import OpenAiError
from producers.gateway.http.problems import Problem, Renderer
from producers.gateway.http.routes import ErrorForm
from producers.gateway.openai.fields import field_of

PREFIX = "/v1"
REQUEST_ID = "x-request-id"
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODES = {
    "unauthorized": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
    "too_many_waiting": "rate_limit_exceeded",
}  # where OpenAI has another name
OF_THE_FILE = ("unsupported", "no_audio", "corrupt", "unknown_track", "too_long", "undecodable", "empty", "too_large")
STATUSES = {422: 400, 507: 503}  # OpenAI answers a file that it cannot read with 400; its clients do not have a class for 507
ENDED = ("FAILURE", "REVOKED")
ERRORS = ErrorForm(OpenAiError, statuses=STATUSES)


def renderer(base_path: str) -> Renderer:
    """Problem details for all paths but those below `/v1`, with or without the path that a reverse proxy adds."""

    def render(request: web.BaseRequest, problem: Problem) -> web.Response:
        response = problem.response()
        return _rewritten(response, problem) if is_below(request.path, base_path) else response

    return render


def is_below(path: str, base_path: str) -> bool:
    return f"{path.removeprefix(base_path)}/".startswith(f"{PREFIX}/")


def status_of(status: int) -> int:
    return STATUSES.get(status, status)


def document(problem: Problem) -> dict[str, object]:
    status, reason = status_of(problem.status), str(problem.document["reason"])
    return {
        "error": {
            "message": problem.document["detail"],
            "type": TYPES.get(status)
            or ("server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"),
            "param": field_of(problem) or ("file" if reason in OF_THE_FILE else None),
            "code": CODES.get(reason, reason),
        }
    }


def request_id(problem: Problem) -> str:
    """The job's id where there is a job, and that of the line in the log where there is one."""
    return str(problem.document.get("task_id") or problem.document.get("request_id") or uuid4())


def _rewritten(response: web.Response, problem: Problem) -> web.Response:
    response.set_status(status_of(problem.status))
    response.body = orjson.dumps(document(problem))
    response.content_type = "application/json"
    response.headers[REQUEST_ID] = request_id(problem)
    if problem.document.get("state") in ENDED:
        response.headers["x-should-retry"] = "false"  # it would end in the same way
    return response
