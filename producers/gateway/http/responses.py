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


def content_etag(body: bytes, name: str = "") -> str:
    """The value of a strong ETag. `name`: that the content is saved under, where that may change."""
    digest = hashlib.sha256(body)
    digest.update(name.encode())
    return digest.hexdigest()[:32]
