"""Every error as application/problem+json (RFC 9457), the framework's own and the unexpected included.

`guarded` wraps the whole application; `Connection` covers what fails before a request exists.
"""

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import orjson
from aiohttp import web

from runtime import metrics
from runtime.errors import Invalid, Retry
from runtime.logs import get_logger

log = get_logger(__name__)
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
KEPT_HEADERS = ("Allow",)


class Problem(Exception):
    """An answer that is an error. `reason` is a stable word for programs, `detail` a sentence for people."""

    def __init__(self, status: int, reason: str, detail: str, *, after_s: float | None = None, **more: object) -> None:
        super().__init__(detail)
        self.status = status
        self.after_s = after_s
        self.document = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "reason": reason,
            **more,
        }

    def response(self, headers: Mapping[str, str] | None = None) -> web.Response:
        answer = web.Response(
            body=orjson.dumps(self.document), status=self.status, content_type="application/problem+json", headers=headers
        )
        answer.headers["Cache-Control"] = "no-store"
        if self.after_s is not None:
            answer.headers["Retry-After"] = str(max(1, math.ceil(self.after_s)))
        return answer


def guarded(answer: Answer) -> Answer:
    """Turns whatever `answer` raises into a problem, and measures it by route."""

    async def guard(request: web.BaseRequest) -> web.StreamResponse:
        began_s = time.perf_counter()
        response = await _answered(answer, request)
        if not response.prepared:
            response.headers["X-Content-Type-Options"] = "nosniff"
        took_s = time.perf_counter() - began_s
        metrics.HTTP_REQUEST_SECONDS.labels(_route(request), request.method, response.status).observe(took_s)
        return response

    return guard


async def _answered(answer: Answer, request: web.BaseRequest) -> web.StreamResponse:
    try:
        return await answer(request)
    except Problem as problem:
        return problem.response()
    except Retry as error:
        return Problem(503, "unavailable", str(error), after_s=error.after_s).response()
    except Invalid as error:
        return Problem(400, error.failure.reason, error.failure.message).response()
    except web.HTTPException as error:
        return _of_framework(error, request)
    except ConnectionError:  # the client has gone: nobody reads this, but the metrics count it
        return Problem(400, "disconnected", "The connection was lost.").response()
    except Exception:
        log.exception("request.failed", method=request.method, route=_route(request))
        return Problem(500, "internal_error", "Something went wrong here; the log of the gateway says what.").response()


def _of_framework(error: web.HTTPException, request: web.BaseRequest) -> web.StreamResponse:
    kept = {name: error.headers[name] for name in KEPT_HEADERS if name in error.headers}
    details = {
        404: "There is nothing at this address.",
        405: f"This address does not take {request.method}; it takes {kept.get('Allow', 'other methods')}.",
        413: "The body is too large.",
        417: "Of the expectations only 100-continue is known.",
    }
    reason = HTTPStatus(error.status).phrase.lower().replace(" ", "_")
    return Problem(error.status, reason, details.get(error.status, error.reason)).response(kept)


def _route(request: web.BaseRequest) -> str:
    """The route's template, never the path itself: the number of label values stays small."""
    match = getattr(request, "match_info", None)
    resource = match.route.resource if match is not None else None
    return resource.canonical if resource is not None else "unmatched"


class Connection(web.RequestHandler):
    """One connection. What cannot even be parsed is answered as a problem, too."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("connection.failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer had begun; it cannot become an error any more")
        detail = "This is not a request that this server can read."
        answer = Problem(status, HTTPStatus(status).phrase.lower().replace(" ", "_"), detail).response()
        answer.force_close()
        return answer
