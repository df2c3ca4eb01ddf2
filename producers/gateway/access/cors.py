"""Web pages of other origins that a setting allows to use the API (CORS). They send an API key; cookies are never allowed."""

from aiohttp import hdrs, web

from runtime.setting_types import listed
from runtime.settings import Settings

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
EXPOSED_HEADERS = (
    *("Location", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "WWW-Authenticate", "X-Request-ID"),
    *(
        "Accept-Ranges",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Length",
        "Content-Range",
        "ETag",
        "Idempotent-Replayed",
    ),
)
PREFLIGHT_S = 600  # how long a browser may remember the answer to a preflight


class Cors:
    def __init__(self, settings: Settings) -> None:
        self._origins = frozenset(listed(settings.cors_origins))

    def allows(self, request: web.BaseRequest) -> bool:
        """Whether the page that makes this request may use the API."""
        origin = request.headers.get(hdrs.ORIGIN)
        return origin is not None and not self._origins.isdisjoint(("*", origin))

    def preflight(self, request: web.Request) -> web.Response | None:
        """The answer to a browser that asks before it sends the request of an allowed page; None: it is none.

        Every header is allowed: client libraries send some of their own, and a page that may use the API gains nothing by one.
        """
        if request.method != hdrs.METH_OPTIONS or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in request.headers:
            return None
        if not self.allows(request):
            return None
        headers = {hdrs.ACCESS_CONTROL_ALLOW_METHODS: METHODS, hdrs.ACCESS_CONTROL_MAX_AGE: str(PREFLIGHT_S)}
        if (wanted := request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS)) is not None:
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = wanted
        return web.Response(status=204, headers=headers)

    async def announce(self, request: web.Request, response: web.StreamResponse) -> None:
        """The CORS headers, before any response is sent, also that of an error: a page must be able to read it."""
        if not self._origins:
            return
        response.headers[hdrs.VARY] = ", ".join(filter(None, (response.headers.get(hdrs.VARY), hdrs.ORIGIN)))
        if self.allows(request):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*" if "*" in self._origins else request.headers[hdrs.ORIGIN]
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = ", ".join(EXPOSED_HEADERS)
