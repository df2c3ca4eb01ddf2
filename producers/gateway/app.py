"""The web application: assembles the groups of endpoints and what precedes every handler."""

from collections.abc import Iterator

from aiohttp import web

from producers.gateway.accepted import Accepted
from producers.gateway.downloads import Downloads
from producers.gateway.ended import EndedJobs
from producers.gateway.events import EventStreams
from producers.gateway.form import MAX_BYTES, OVERHEAD_BYTES, expect_continue
from producers.gateway.jobs import Jobs
from producers.gateway.lookup import JobLookup
from producers.gateway.openai.models import OpenAiModelList
from producers.gateway.origin import Origins
from producers.gateway.page import Page
from producers.gateway.parts import Parts
from producers.gateway.routes import QUERY, Handler, Route, parse_query
from producers.gateway.status import Documents
from producers.gateway.submit import Submissions
from producers.gateway.system import System
from runtime.objects.transcripts import Transcripts


class Api:
    """`application()` serves `routes`."""

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.resources.settings
        self._origins = Origins(self._settings)
        self._routes: dict[web.AbstractRoute, Route] = {}
        self.routes = _routes(parts, self._origins)

    def application(self) -> web.Application:
        max_bytes = self._settings.max_upload_bytes
        # In this order: later ones may rely on earlier ones.
        app = web.Application(
            client_max_size=max_bytes + OVERHEAD_BYTES, middlewares=[self._check_origin, self._parse_parameters]
        )
        app[MAX_BYTES] = max_bytes
        for route in self.routes:
            expect = expect_continue if route.method == "POST" else None
            for method, path in self._spellings(route):
                registered = app.router.add_route(method, path, route.handler, expect_handler=expect)
                self._routes[registered] = route
        return app

    def _spellings(self, route: Route) -> Iterator[tuple[str, str]]:
        """With and without a slash at the end, and below the path that a reverse proxy has not removed. HEAD as GET."""
        for base in dict.fromkeys(("", self._settings.base_path)):
            for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
                yield method, f"{base}{route.path}/"
                if base + route.path:
                    yield method, base + route.path

    def _route(self, request: web.Request) -> Route | None:
        """None: there is no such path, or not with this method."""
        return self._routes.get(request.match_info.route)

    @web.middleware
    async def _check_origin(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        route = self._route(request)
        if route is None or not route.is_probe:
            self._origins.check(request)
        return await handler(request)

    @web.middleware
    async def _parse_parameters(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        route = self._route(request)
        if route is not None:
            request[QUERY] = parse_query(route.parameters, request.query)
        return await handler(request)


def _routes(parts: Parts, origins: Origins) -> list[Route]:
    """Of all groups."""
    resources, producer, view = parts.resources, parts.producer, parts.view
    transcripts = Transcripts(resources.objects, resources.settings.work_bucket)
    documents = Documents(view, transcripts)
    lookup = JobLookup(view, parts.freshness)
    accepted = Accepted(origins, view.estimates)
    ended = EndedJobs(resources, producer, view, transcripts)
    groups = (
        Submissions(resources, producer, view, transcripts, accepted),
        Jobs(parts, lookup, documents, ended, accepted),
        EventStreams(view, lookup, documents, parts.wakeups),
        Downloads(lookup, documents),
        System(parts),
        OpenAiModelList(resources.models),
        Page(),
    )
    return [route for group in groups for route in group.routes()]
