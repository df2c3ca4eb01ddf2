"""The last step of every response whose body is in memory: 304 for what the client has, the wanted range, or compression.

A handler takes part by its headers: `ETag` for conditional requests, `Accept-Ranges` for ranges as well. Streams are not touched.
"""

import asyncio
import zlib

from aiohttp import web

from producers.gateway.http.conditional import Validators, content_range

COMPRESSED_MIN_BYTES = 1024  # less fits into a packet as it is
IN_LOOP_MAX_BYTES = 64 * 1024  # more takes longer than a millisecond: in a thread
LEVEL = 5
GZIP = 16 + zlib.MAX_WBITS
COMPRESSIBLE = {"application/json", "application/javascript", "application/x-subrip", "image/svg+xml"}
KEPT_HEADERS = ("ETag", "Cache-Control", "Content-Location", "Expires", "Last-Modified", "Vary")


async def finished(request: web.Request, response: web.Response) -> web.Response:
    """Raises Problem 412 and 416."""
    body = response.body
    if response.status != 200 or not isinstance(body, bytes):
        return response
    can_be_compressed = _can_be_compressed(response, body)
    if can_be_compressed:
        response.headers.add("Vary", "Accept-Encoding")
    if request.method in ("GET", "HEAD") and "ETag" in response.headers:
        validators = Validators(response.headers["ETag"], response.last_modified)
        if validators.is_known(request.headers):
            kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
            return web.Response(status=304, headers=kept)
        if request.method == "GET" and "Accept-Ranges" in response.headers:
            wanted = validators.wanted(request.headers, len(body))
            if wanted is not None:
                return _part(response, body, wanted)
    if can_be_compressed and accepts_gzip(request.headers.get("Accept-Encoding", "")):
        await _compress(response, body)
    return response


def accepts_gzip(accepted: str) -> bool:
    """`gzip;q=0` refuses it, `*` stands for any that is not named."""
    weights = {}
    for item in accepted.lower().split(","):
        coding, _, parameters = item.partition(";")
        weights[coding.strip()] = _weight(parameters)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def _can_be_compressed(response: web.Response, body: bytes) -> bool:
    kind = response.content_type
    is_text = kind.startswith("text/") or kind.endswith("+json") or kind in COMPRESSIBLE
    return is_text and len(body) >= COMPRESSED_MIN_BYTES and "Content-Encoding" not in response.headers


def _part(response: web.Response, body: bytes, wanted: range) -> web.Response:
    response.set_status(206)
    response.headers["Content-Range"] = content_range(wanted, len(body))
    response.body = body[wanted.start : wanted.stop]
    return response


async def _compress(response: web.Response, body: bytes) -> None:
    compressed = _gzip(body) if len(body) <= IN_LOOP_MAX_BYTES else await asyncio.to_thread(_gzip, body)
    response.body = compressed
    response.headers["Content-Encoding"] = "gzip"
    etag = response.headers.get("ETag")
    if etag is not None and not etag.startswith("W/"):
        response.headers["ETag"] = f"W/{etag}"  # the same content in other bytes: no longer good for ranges


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, LEVEL, GZIP)
