"""Reads a submission's multipart body as a stream: fields and one file, in any order.

Expects hostile input: too many parts, long fields, stalled bodies, missing ends. Used by `submit.py`.
"""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from producers.gateway.problems import Problem
from producers.gateway.upload import Incoming, Stored, too_large

FIELD_BYTES_MAX = 16 * 1024
FIELDS_MAX = 32
PIECE_BYTES = 256 * 1024
FILENAME_MAX = 255
STALLED_S = 30.0  # an upload that delivers less than PROGRESS_BYTES in this time is aborted
PROGRESS_BYTES = 8 * 1024
OVERHEAD_BYTES = 1024 * 1024  # of a body, in addition to its file
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Form:
    fields: dict[str, str]
    filename: str
    stored: Stored


async def read_form(request: web.Request, incoming: Incoming, stalled_s: float = STALLED_S) -> Form:
    """Reads the whole body and stores its file. Raises Problem for any error in it, and StoreUnavailable."""
    reader = await _multipart(request)
    fields: dict[str, str] = {}
    filename, stored = "", None
    while (part := await _with_timeout(reader.next(), stalled_s)) is not None:
        if not isinstance(part, BodyPartReader) or not part.name:
            raise malformed("Every part needs a name, and parts must not be nested.")
        if part.name == "file":
            if stored is not None:
                raise malformed("Only one file per request: there are two parts named 'file'.")
            filename = display_name(part.filename)
            async for piece in _pieces(part, stalled_s):
                await incoming.write(piece)
            stored = await incoming.finish()
        elif part.filename is not None:
            raise malformed(f"The file must be in the field 'file', not {part.name[:80]!r}.")
        else:
            fields[part.name] = await _field(part, stalled_s)
            if len(fields) > FIELDS_MAX:
                raise malformed(f"More than {FIELDS_MAX} fields.")
    if stored is None:
        raise malformed("The file is missing: send it as the field 'file' of a multipart/form-data body.")
    return Form(fields, filename, stored)


def display_name(filename: str | None) -> str:
    """The last part of the name the client gave, fit to be shown: no control characters, 255 at most. Never a path."""
    last = (filename or "").replace("\\", "/").rpartition("/")[2]
    shown = "".join(character for character in last if unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp"))
    shown = shown.translate(dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])).strip()  # no turning of directions
    return shown[:FILENAME_MAX] or "audio"


def check_length(request: web.BaseRequest, max_bytes: int) -> None:
    """Refuses a body that says itself that it is too large, before any of it is read."""
    if (request.content_length or 0) > max_bytes + OVERHEAD_BYTES:
        raise too_large(max_bytes)


async def expect_continue(request: web.Request) -> None:
    """Sends `100 Continue` only to a client whose body will be read."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed
    check_length(request, request.config_dict[MAX_BYTES])
    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


MAX_BYTES = web.AppKey("max_bytes", int)


def malformed(detail: str) -> Problem:
    return Problem(400, "bad_request", detail)


async def _multipart(request: web.Request) -> MultipartReader:
    kind = request.headers.get("Content-Type", "").partition(";")[0]  # the property parses it as e-mail: 0.2 ms
    if kind.strip().lower() != "multipart/form-data":
        raise Problem(415, "not_multipart", "Send the file as the field 'file' of a multipart/form-data body.")
    try:
        return await request.multipart()
    except (ValueError, AssertionError) as error:
        raise malformed(f"The body cannot be read: {error}") from error


async def _pieces(part: BodyPartReader, stalled_s: float) -> AsyncIterator[bytes]:
    while not part.at_eof():
        yield await _with_timeout(_read_some(part), stalled_s)


async def _read_some(part: BodyPartReader) -> bytes:
    """At least PROGRESS_BYTES; less only at the end of the part."""
    some = bytearray()
    while len(some) < PROGRESS_BYTES and not part.at_eof():
        some += await part.read_chunk(PIECE_BYTES)
    return bytes(some)


async def _field(part: BodyPartReader, stalled_s: float) -> str:
    value = bytearray()
    async for piece in _pieces(part, stalled_s):
        value += piece
        if len(value) > FIELD_BYTES_MAX:
            raise malformed(f"The field {str(part.name)[:80]!r} is longer than {FIELD_BYTES_MAX} bytes.")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise malformed(f"The field {str(part.name)[:80]!r} is not UTF-8.") from None


async def _with_timeout(reading: Awaitable[T], stalled_s: float) -> T:
    """Raises Problem 408 when the body stalls, 400 when it is not multipart."""
    try:
        async with asyncio.timeout(stalled_s):
            return await reading
    except TimeoutError:
        raise Problem(408, "too_slow", f"The body stalled for {stalled_s:.0f} s.") from None
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError, web.RequestPayloadError) as error:
        raise malformed("The body is not well-formed multipart/form-data, or it ends too early.") from error
