"""The web page at `/`: static files in `page/`, without a build step. They load nothing from anywhere else.

The page's own paths are relative, so that it works below the path of a reverse proxy; where that is known, `<base>` names it.
"""

import hashlib
import html
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from producers.gateway.access.origin import Origins
from producers.gateway.http.problems import Problem
from producers.gateway.http.routes import AnyParameters, Response, Route

FOLDER = Path(__file__).with_name("page")
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
BASE = b'<base href="./">'
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; media-src 'self' blob:; "
        "base-uri 'self'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    content_type: str


class Page:
    """Reads all files once."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._files = {path.name: _File(path.read_bytes(), TYPES[path.suffix]) for path in sorted(FOLDER.iterdir())}

    def routes(self) -> list[Route]:
        page = Response("HTML", media_types=("text/html",), headers=("ETag",))
        part = Response("A file", media_types=tuple(TYPES.values()), headers=("ETag",))
        unchanged = Response("It has the ETag of If-None-Match", media_types=())
        answers = {200: page, 304: unchanged}
        return [
            Route("GET", "", self.page, "The web page", "page", query=AnyParameters, responses=answers, access="open"),
            Route(
                "GET",
                "/page/{name}",
                self.part,
                "A file of the web page",
                "page",
                query=AnyParameters,
                responses={**answers, 200: part},
                problems=("not_found", "precondition_failed"),
                access="open",
            ),
        ]

    async def page(self, request: web.Request) -> web.Response:
        file = self._files["index.html"]
        prefix = self._origins.prefix(request)
        base = f'<base href="{html.escape(prefix)}/">'.encode() if prefix else BASE
        return _response(_File(file.content.replace(BASE, base), file.content_type))

    async def part(self, request: web.Request) -> web.Response:
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise Problem(404, "not_found", "The page has no such file.")
        return _response(file)


def _response(file: _File) -> web.Response:
    headers = {**HEADERS, "ETag": f'"{hashlib.sha256(file.content).hexdigest()[:32]}"'}
    return web.Response(body=file.content, content_type=file.content_type, charset="utf-8", headers=headers)
