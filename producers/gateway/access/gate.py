"""Before every handler: who the request comes from, whether that caller may make it, and whether it makes too many.

A key comes in `Authorization: Bearer` or `X-API-Key`; the page's browser may read with a session cookie instead. Where no keys
are configured everybody is the owner `default`, and sees all jobs.
"""

import asyncio
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext

from aiohttp import hdrs, web

from producers.gateway.access.caller import ANYBODY, API_KEY_HEADER, CALLER, Caller
from producers.gateway.access.cors import Cors
from producers.gateway.access.keyring import Keyring
from producers.gateway.access.rates import Allowance, Rates
from producers.gateway.access.sessions import COOKIE, Sessions
from producers.gateway.access.waiting_requests import WaitingRequests
from producers.gateway.http.problems import Problem
from producers.gateway.http.routes import Route
from runtime.api_keys import ApiKey

BEARER = "bearer"
READING = ("GET", "HEAD")
ALLOWANCE = web.RequestKey("allowance", Allowance)
ADMITTED = web.RequestKey("admitted", bool)


class Gate:
    """For the event loop alone."""

    def __init__(self, keyring: Keyring, sessions: Sessions, cors: Cors, rates: Rates, waiting: WaitingRequests) -> None:
        self._cors = cors
        self._keyring = keyring
        self._sessions = sessions
        self._rates = rates
        self._waiting = waiting
        self._served: dict[str, set[asyncio.Transport]] = {}  # connections with a request, by the id of its key

    async def admit(self, request: web.Request, route: Route) -> None:
        """Sets the caller of the request. Safe to repeat: a request counts once. Raises Problem 401, 403 or 429, and Retry."""
        if route.is_open or ADMITTED in request:
            return
        caller = request[CALLER] = await self._caller(request)
        if route.access == "admin" and not caller.is_admin:
            raise Problem(403, "forbidden", "Only the key of an administrator may do this.")
        if caller.key is not None:
            self._count(request, caller.key, is_submission=route.submits)
        if route.waits:
            self._waiting.check(caller)
        request[ADMITTED] = True

    @contextmanager
    def serving(self, request: web.Request, route: Route | None) -> Iterator[None]:
        """Around the handler of an admitted request, which may take as long as a job. Raises Problem 429."""
        caller, connection = request.get(CALLER), request.transport
        if caller is None or caller.key is None or connection is None:
            yield
            return
        waiting = self._waiting.counted(caller) if route is not None and route.waits else nullcontext()
        self._served.setdefault(caller.key.id, set()).add(connection)
        try:
            with waiting:
                yield
        finally:
            served = self._served.get(caller.key.id, set())
            served.discard(connection)
            if not served:
                self._served.pop(caller.key.id, None)

    def expel(self, key_ids: Iterable[str]) -> None:
        """These keys are no longer valid: ends the responses that are still being sent, such as event streams."""
        for key_id in key_ids:
            for connection in self._served.pop(key_id, ()):
                connection.abort()
        self._rates.forget(key_ids)

    async def _caller(self, request: web.Request) -> Caller:
        if not self._keyring.is_required:
            return ANYBODY
        given = _key_of(request)
        key = self._keyring.find(given) if given is not None else await self._key_of_session(request)
        if key is None:
            detail = f"An API key is required: send a valid one as Authorization: Bearer or as {API_KEY_HEADER}."
            raise Problem(401, "unauthorized", detail, headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="murmur"'})
        return Caller(key.owner, key.is_admin, key)

    async def _key_of_session(self, request: web.Request) -> ApiKey | None:
        """Only of a request that reads, and that no page of another origin makes."""
        cookie = request.cookies.get(COOKIE)
        if cookie is None or request.method not in READING or self._cors.allows(request):
            return None
        return await self._sessions.key_of(cookie)

    def _count(self, request: web.Request, key: ApiKey, *, is_submission: bool) -> None:
        allowance = self._rates.take(key, is_submission=is_submission)
        if allowance is None:
            return
        request[ALLOWANCE] = allowance
        if allowance.wait_s:
            detail = f"Too many {allowance.kind} with this key: at most {allowance.limit} per minute."
            raise Problem(429, "rate_limited", detail, after_s=allowance.wait_s, limit=allowance.limit, counted=allowance.kind)


async def announce_allowance(request: web.Request, response: web.StreamResponse) -> None:
    """The RateLimit headers, before any response to a request with a limited key is sent."""
    allowance = request.get(ALLOWANCE)
    if allowance is not None:
        response.headers["RateLimit-Limit"] = str(allowance.limit)
        response.headers["RateLimit-Remaining"] = str(allowance.remaining)
        response.headers["RateLimit-Reset"] = str(math.ceil(allowance.reset_s))


def _key_of(request: web.Request) -> str | None:
    """None: the request has no key. `Authorization` may have other credentials, for a proxy on the way."""
    scheme, _, credentials = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return credentials.strip() if scheme.lower() == BEARER else request.headers.get(API_KEY_HEADER)
