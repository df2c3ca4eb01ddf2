"""The web page at `/`."""

from pathlib import Path

from aiohttp import web

from producers.gateway.routes import AnyParameters, Response, Route

PAGE = Path(__file__).with_name("page.html")
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Page:
    def __init__(self) -> None:
        self._body = PAGE.read_bytes()

    def routes(self) -> list[Route]:
        html = Response("HTML", media_types=("text/html",))
        return [Route("GET", "", self.page, "The web page", "page", query=AnyParameters, responses={200: html}, access="open")]

    async def page(self, _request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
        return web.Response(body=self._body, content_type="text/html", charset="utf-8", headers=headers)
