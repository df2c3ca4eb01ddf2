"""What a caller can learn of its own key, and the session of the web page."""

from typing import Any

from aiohttp import web

from producers.gateway.access.caller import caller_of
from producers.gateway.access.origin import Origins
from producers.gateway.access.sessions import COOKIE, LIFETIME_S, Sessions
from producers.gateway.access.unfinished import UnfinishedJobs
from producers.gateway.documents.access import KeyDocument
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Response, Route

SESSION = "/api/browser-session"
NOTHING = Response("Done", media_types=(), headers=("Set-Cookie",))


class AccessEndpoints:
    def __init__(self, origins: Origins, sessions: Sessions, unfinished: UnfinishedJobs) -> None:
        self._origins = origins
        self._sessions = sessions
        self._unfinished = unfinished

    def routes(self) -> list[Route]:
        begin, end = "Begin a session of the web page: a cookie with which its browser may read for an hour", "End the session"
        return [
            Route("GET", "/api/key", self.key, "The owner and the limits of the key", "access", responses={200: KeyDocument}),
            Route("POST", SESSION, self.begin, begin, "access", responses={204: NOTHING}),
            Route("DELETE", SESSION, self.end, end, "access", responses={204: NOTHING}, access="open"),
        ]

    async def key(self, request: web.Request) -> web.Response:
        caller = caller_of(request)
        limits = caller.key.limits if caller.key is not None else None
        return json_response(
            {
                "owner": caller.owner,
                "admin": caller.is_admin,
                "key_required": caller.key is not None,
                "requests_per_minute": (limits and limits.requests_per_minute) or None,
                "submissions_per_minute": (limits and limits.submissions_per_minute) or None,
                "unfinished_jobs_max": (limits and limits.unfinished_jobs) or None,
                "waiting_requests_max": (limits and limits.waiting_requests) or None,
                "unfinished_jobs": await self._unfinished.count(caller.owner),
            }
        )

    async def begin(self, request: web.Request) -> web.Response:
        """Without a cookie where no key is required: then none is needed."""
        response, key = web.Response(status=204), caller_of(request).key
        if key is not None:
            value = await self._sessions.issue(key)
            response.set_cookie(COOKIE, value, max_age=LIFETIME_S, secure=self._origins.is_https(request), **self._kind(request))
        return response

    async def end(self, request: web.Request) -> web.Response:
        response = web.Response(status=204)
        response.del_cookie(COOKIE, secure=self._origins.is_https(request), **self._kind(request))
        return response

    def _kind(self, request: web.Request) -> dict[str, Any]:
        return {"path": self._origins.prefix(request) or "/", "httponly": True, "samesite": "Strict"}
