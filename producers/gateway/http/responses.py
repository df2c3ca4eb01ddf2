"""JSON responses of the handlers. They are never stored by caches: what they say changes, and is not for everybody."""

import hashlib
from collections.abc import Mapping

import orjson
from aiohttp import web


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return encoded(orjson.dumps(body), status, headers)


def encoded(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """`body` is JSON already."""
    response = web.Response(body=body, status=status, content_type="application/json", headers=headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def content_etag(body: bytes) -> str:
    """The value of a strong ETag."""
    return hashlib.sha256(body).hexdigest()[:32]
