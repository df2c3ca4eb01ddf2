"""The web application: assembles the groups of endpoints and what precedes every handler."""

from collections.abc import Iterator

from aiohttp import web

from producers.gateway.access.cors import Cors
from producers.gateway.access.endpoints import AccessEndpoints
from producers.gateway.access.gate import Gate, announce_allowance
from producers.gateway.access.origin import Origins
from producers.gateway.access.sessions import Sessions
from producers.gateway.compatible import compatible
from producers.gateway.description.endpoints import Description
from producers.gateway.http.finishing import finished
from producers.gateway.http.problems import allow
from producers.gateway.http.routes import QUERY, Group, Handler, Route, parse_query
from producers.gateway.jobs.audio import AudioDownloads
from producers.gateway.jobs.downloads import Downloads
from producers.gateway.jobs.ended import EndedJobs
from producers.gateway.jobs.endpoints import Jobs
from producers.gateway.jobs.events import EventStreams
from producers.gateway.jobs.listed_names import ListedNames
from producers.gateway.jobs.lookup import JobLookup
from producers.gateway.jobs.names import GivenNames
from producers.gateway.jobs.naming import NamesOfJobs
from producers.gateway.jobs.status import Documents
from producers.gateway.page import Page
from producers.gateway.parts import Parts
from producers.gateway.submission.accepted import Accepted
from producers.gateway.submission.batches import Batches
from producers.gateway.submission.direct_uploads import DirectUploads
from producers.gateway.submission.form import MAX_BYTES, OVERHEAD_BYTES, expect_continue
from producers.gateway.submission.shared_uploads import SharedUploads
from producers.gateway.submission.submit import Submissions
from producers.gateway.submission.transcribe import Doors
from producers.gateway.system.cache import Cache
from producers.gateway.system.clearing import Clearing
from producers.gateway.system.dead_letters import DeadLetters
from producers.gateway.system.endpoints import System
from producers.gateway.system.health import Health
from producers.gateway.system.work_in_hand import WorkInHand
from producers.gateway.webhooks.deliveries import Deliveries
from producers.gateway.webhooks.endpoints import Endpoints
from producers.gateway.webhooks.registry import Registry
from runtime.reachable import Reachable
from runtime.sealing import Sealer
from runtime.subtitles import SubtitleRules


class Api:
    """`application()` serves `routes`."""

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.resources.settings
        self._cors = Cors(self._settings)
        self._origins = Origins(self._settings, self._cors)
        self._routes: dict[web.AbstractRoute, Route] = {}
        sessions = Sessions(parts.resources.objects, self._settings.work_bucket, parts.keyring)
        self.gate = Gate(parts.keyring, sessions, self._cors, parts.rates, parts.waiting)
        self.routes = _routes(parts, self._origins, sessions)

    def application(self) -> web.Application:
        max_bytes = self._settings.max_upload_bytes
        # In this order: later ones may rely on earlier ones.
        before = (self._check_origin, _answer_options, self._check_access, self._parse_parameters, _finish)
        app = web.Application(client_max_size=max_bytes + OVERHEAD_BYTES, middlewares=before)
        app.on_response_prepare.append(self._cors.announce)
        app.on_response_prepare.append(announce_allowance)
        app[MAX_BYTES] = max_bytes
        for route in self.routes:
            expect = self._expect_continue if route.method == "POST" else None
            for method, path in self._spellings(route):
                registered = app.router.add_route(method, path, route.handler, expect_handler=expect)
                self._routes[registered] = route
        return app

    def _spellings(self, route: Route) -> Iterator[tuple[str, str]]:
        """With and without a slash at the end, and below the path that a reverse proxy has not removed. HEAD as GET."""
        for base in dict.fromkeys(("", self._settings.base_path)):
            for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
                yield method, f"{base}{route.pattern}/"
                if base + route.pattern:
                    yield method, base + route.pattern

    def _route(self, request: web.Request) -> Route | None:
        """None: there is no such path, or not with this method."""
        return self._routes.get(request.match_info.route)

    @web.middleware
    async def _check_origin(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        route = self._route(request)
        if route is None or not route.is_probe:
            self._origins.check(request)
        return self._cors.preflight(request) or await handler(request)

    @web.middleware
    async def _check_access(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        route = self._route(request)
        if route is not None:
            await self.gate.admit(request, route)
        with self.gate.serving(request, route):
            return await handler(request)

    async def _expect_continue(self, request: web.Request) -> None:
        """Before the middlewares: whoever may not submit is refused before the body is sent."""
        self._origins.check(request)
        route = self._routes[request.match_info.route]
        await self.gate.admit(request, route)
        await expect_continue(request, route.files_max)

    @web.middleware
    async def _parse_parameters(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        route = self._route(request)
        if route is not None:
            request[QUERY] = parse_query(route.parameters, request.query)
        return await handler(request)


@web.middleware
async def _answer_options(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Of every path that there is: which methods it has."""
    error = request.match_info.http_exception
    if request.method == "OPTIONS" and isinstance(error, web.HTTPMethodNotAllowed):
        return web.Response(status=204, headers={"Allow": allow(error)})
    return await handler(request)


@web.middleware
async def _finish(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    return await finished(request, response) if isinstance(response, web.Response) else response


def _routes(parts: Parts, origins: Origins, sessions: Sessions) -> list[Route]:
    """Of all groups."""
    resources, view = parts.resources, parts.view
    transcripts = resources.transcripts
    names = GivenNames(resources.objects, resources.settings.work_bucket)
    documents = Documents(view, transcripts, ListedNames(names), SubtitleRules.of(resources.settings))
    lookup = JobLookup(view, parts.freshness)
    accepted = Accepted(origins, view.estimates)
    clearing = Clearing(resources.kafka, parts.producer, view)
    uploads = SharedUploads.of(resources, parts.view)
    ended = EndedJobs(parts, transcripts, clearing, uploads)
    submissions = Submissions(parts, uploads)
    registry = Registry(parts.producer, view, parts.endpoints_freshness, Sealer.of(resources.settings))
    groups: tuple[Group, ...] = (
        Doors(parts, submissions, documents, accepted),
        Batches(parts, submissions, documents, accepted),
        DirectUploads(parts, submissions, accepted),
        Deliveries(parts, registry),
        Endpoints(registry, view, accepted, Reachable.for_webhooks(resources.settings)),
        Jobs(parts, lookup, documents, ended, accepted),
        EventStreams(view, lookup, documents, parts.wakeups, origins),
        Downloads(lookup, documents, names),
        NamesOfJobs(lookup, names, documents.names),
        AudioDownloads(resources.objects, resources.settings.work_bucket, view, lookup),
        System(parts),
        Health(parts),
        Cache(view, parts.cache, clearing, lookup),
        DeadLetters(resources, view),
        WorkInHand(view, documents),
        *compatible(parts, origins, submissions, documents, ended),
        AccessEndpoints(origins, sessions, parts.unfinished),
        Page(origins),
    )
    routes = [route for group in groups for route in group.routes()]
    return [*routes, *Description(routes, origins, resources.settings.topic_prefix).routes()]
