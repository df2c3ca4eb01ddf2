"""Every error as application/problem+json (RFC 9457), including the framework's own and unexpected ones.

`guarded` wraps the whole application; what fails before a request exists is in `connection.py`.
"""

import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from uuid import uuid4

import orjson
from aiohttp import web

from producers.gateway.http.spans import serving
from runtime import metrics
from runtime.errors import Invalid, Retry
from runtime.logs import get_logger
from runtime.objects import StoreFull

log = get_logger(__name__)
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Renderer = Callable[[web.BaseRequest, "Problem"], web.Response]
REASONS = {  # of every problem, with its status
    "bad_request": 400,
    "unknown_language": 400,
    "unsupported_language": 400,
    "unknown_model": 400,
    "bad_option": 400,
    "bad_parameter": 400,
    "empty": 400,
    "no_webhook_secret": 400,
    "disconnected": 400,
    "unknown_field": 400,
    "unknown_parameter": 400,
    "bad_url": 400,
    "forbidden_address": 400,
    "unauthorized": 401,
    "cross_origin": 403,
    "forbidden": 403,
    "forbidden_bucket": 403,
    "unknown_task": 404,
    "unknown_object": 404,
    "unknown_batch": 404,
    "unknown_work": 404,
    "unknown_upload": 404,
    "unknown_endpoint": 404,
    "unknown_delivery": 404,
    "unknown_format": 404,
    "unknown_letter": 404,
    "model_not_found": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_slow": 408,
    "ended": 409,
    "job_cancelled": 409,
    "no_transcript": 409,
    "not_ended": 409,
    "not_failed": 409,
    "in_progress": 409,
    "key_used": 409,
    "object_changed": 409,
    "too_many_endpoints": 409,
    "too_many_keys": 409,
    "endpoint_disabled": 409,
    "uploaded": 409,
    "upload_expired": 410,
    "audio_gone": 410,
    "gone": 410,
    "damaged": 410,
    "precondition_failed": 412,
    "too_large": 413,
    "not_multipart": 415,
    "unsupported_encoding": 415,
    "bad_range": 416,
    "expectation_failed": 417,
    "unknown_host": 421,
    "unsupported": 422,
    "no_audio": 422,
    "corrupt": 422,
    "unknown_track": 422,
    "too_long": 422,
    "fetch_refused": 422,
    "other_payload": 422,
    "nothing_accepted": 422,
    "header_too_large": 431,
    "queue_share_full": 429,
    "undecodable": 422,
    "rate_limited": 429,
    "too_many_jobs": 429,
    "too_many_waiting": 429,
    "too_many_fetches": 429,
    "internal_error": 500,
    "job_failed": 500,
    "fetch_failed": 502,
    "not_ready": 503,
    "unavailable": 503,
    "too_many_connections": 503,
    "queue_full": 503,
    "still_running": 504,
    "no_attempt": 504,
    "fetch_timed_out": 504,
    "store_full": 507,
}


class Problem(Exception):
    """An error response. `reason` is a stable code for programs, `detail` a sentence for people; `more`: other members."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        """`more`: members of the document for programs."""
        super().__init__(detail)
        self.status = status
        self.after_s = after_s
        self.headers = dict(headers or {})
        self.document = {
            "type": "about:blank",
            "success": False,
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "reason": reason,
            **more,
        }

    def response(self) -> web.Response:
        response = web.Response(
            body=orjson.dumps(self.document), status=self.status, content_type="application/problem+json", headers=self.headers
        )
        response.headers["Cache-Control"] = "no-store"
        if self.after_s is not None:
            response.headers["Retry-After"] = str(max(1, math.ceil(self.after_s)))
        return response


def check_names(kind: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Raises Problem 400 that names the unknown ones and the known ones: a misspelt name must not go unnoticed."""
    unknown = [name[:80] for name in given if name not in known]
    if unknown:
        which = ", ".join(map(repr, unknown))
        expected = f"known are {', '.join(known)}" if known else "none is known here"
        detail = f"Unknown {kind}{'s' if len(unknown) > 1 else ''} {which}; {expected}."
        raise Problem(400, f"unknown_{kind}", detail, known=list(known))


def guarded(handler: Handler, render: Renderer) -> Handler:
    """Turns every exception of `handler` into a problem, which `render` writes, measures its time by route, and traces it."""

    async def guard(request: web.BaseRequest) -> web.StreamResponse:
        began_s = time.perf_counter()
        with serving(request, _route) as served:
            try:
                response = await handler(request)
            except Exception as error:
                response = render(request, _problem_of(error, request))
            served.status = response.status
        if not response.prepared:
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Cross-Origin-Resource-Policy"] = "same-origin"  # also where a browser sends no Sec-Fetch-Site
        took_s = time.perf_counter() - began_s
        metrics.HTTP_REQUEST_SECONDS.labels(_route(request), request.method, response.status).observe(took_s)
        return response

    return guard


def _problem_of(error: Exception, request: web.BaseRequest) -> Problem:
    match error:
        case Problem() | Retry() | Invalid():
            return problem_of(error)
        case web.HTTPException():
            return _of_framework(error, request)
        case ConnectionError():  # the client has disconnected: only the metrics see this
            return Problem(400, "disconnected", "The connection was lost.")
    request_id = uuid4().hex
    log.error("request.failed", method=request.method, route=_route(request), request_id=request_id, exc_info=error)
    return Problem(500, "internal_error", "Internal error; the gateway's log has the details.", request_id=request_id)


def problem_of(error: Problem | Retry | Invalid) -> Problem:
    """Of an error that is no bug."""
    match error:
        case Problem():
            return error
        case StoreFull():
            detail = f"The store has no space left; submit again when it has. ({error})"
            return Problem(507, "store_full", detail, after_s=error.after_s)
        case Retry():
            return Problem(503, "unavailable", str(error), after_s=error.after_s)
    return Problem(400, error.failure.reason, error.failure.message)


def _of_framework(error: web.HTTPException, request: web.BaseRequest) -> Problem:
    kept = {"Allow": allow(error)} if isinstance(error, web.HTTPMethodNotAllowed) else {}
    details = {
        404: "There is no such path.",
        405: f"This path does not allow {request.method}; it allows {kept.get('Allow', 'other methods')}.",
        413: "The body is too large.",
        417: "The only supported expectation is 100-continue.",
    }
    reason = HTTPStatus(error.status).phrase.lower().replace(" ", "_")
    return Problem(error.status, reason, details.get(error.status, error.reason), headers=kept)


def allow(error: web.HTTPMethodNotAllowed) -> str:
    """The value of the header: every path answers OPTIONS."""
    return ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))


def _route(request: web.BaseRequest) -> str:
    """The route's template, never the path itself: the number of label values stays small."""
    match = getattr(request, "match_info", None)
    resource = match.route.resource if match is not None else None
    return resource.canonical.rstrip("/") or "/" if resource is not None else "unmatched"
