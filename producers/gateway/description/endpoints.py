"""The descriptions of the interfaces: `/openapi.json` for programs, `/docs` for people, `/asyncapi.json` of the topics."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import orjson
from aiohttp import web

from producers.gateway.access.origin import Origins
from producers.gateway.description.docs_page import POLICY, page
from producers.gateway.description.openapi import describe
from producers.gateway.http.responses import content_etag
from producers.gateway.http.routes import AnyParameters, Handler, Response, Route
from schemas import asyncapi


class Description:
    """`routes` of all other groups; its own are described too."""

    def __init__(self, routes: Sequence[Route], origins: Origins, topic_prefix: str) -> None:
        self._others = routes
        self._origins = origins
        self._topic_prefix = topic_prefix

    def routes(self) -> list[Route]:
        json = Response("OpenAPI 3.1", media_types=("application/json",), headers=("ETag",))
        topics = Response("AsyncAPI 3.0", media_types=("application/json",), headers=("ETag",))
        html = Response("HTML", media_types=("text/html",), headers=("ETag",))
        return [
            self._route("/openapi.json", self.json, "This description", json),
            self._route("/asyncapi.json", self.topics, "The topics that programs may consume", topics),
            self._route("/docs", self.page, "This description as a page", html),
        ]

    def _route(self, path: str, handler: Handler, summary: str, response: Response) -> Route:
        return Route("GET", path, handler, summary, "description", query=AnyParameters, responses={200: response}, access="open")

    async def json(self, request: web.Request) -> web.Response:
        """Paths are relative to `servers`, the address at which the client has found this document."""
        document = await asyncio.to_thread(lambda: self._document)
        body = orjson.dumps(document | {"servers": [{"url": self._origins.prefix(request) or "/"}]})
        return _cacheable(body, "application/json")

    async def topics(self, _request: web.Request) -> web.Response:
        document = await asyncio.to_thread(asyncapi.document, self._topic_prefix, version("murmur"))
        return _cacheable(orjson.dumps(document), "application/json")

    async def page(self, request: web.Request) -> web.Response:
        # Relative, so that it is found under any prefix.
        json_url = "../openapi.json" if request.path.endswith("/") else "openapi.json"
        body = await asyncio.to_thread(lambda: page(self._document, json_url).encode())
        response = _cacheable(body, "text/html")
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @cached_property
    def _document(self) -> dict[str, Any]:
        """Made at the first request: it takes a moment."""
        return describe([*self._others, *self.routes()])


def _cacheable(body: bytes, content_type: str) -> web.Response:
    response = web.Response(body=body, content_type=content_type, charset="utf-8")
    response.headers["Cache-Control"] = "no-cache"
    response.etag = content_etag(body)
    return response
