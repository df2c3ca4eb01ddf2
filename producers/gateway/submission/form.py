"""Reads a submission's multipart body as a stream: fields and files, in any order.

Expects hostile input: too many parts, long fields, missing ends. Every limit is applied to the bytes as they
arrive, so that no body costs more than its size. Used by `submit.py`.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from producers.gateway.http.filenames import display_name
from producers.gateway.http.problems import Problem
from producers.gateway.submission.form_files import FormFiles
from producers.gateway.submission.upload import too_large

FIELD_BYTES_MAX = 16 * 1024
PARTS_MAX = 32
HEADER_BYTES_MAX = 8 * 1024  # of one header line of a part
BOUNDARY_MAX = 70  # of RFC 2046
PREAMBLE_BYTES_MAX = 4 * 1024  # before the first part; no known client sends anything there
LIST = "[]"  # ends the name of a field that may be repeated
OVERHEAD_BYTES = 1024 * 1024  # of a body, in addition to its file
EXTENDED_FILENAME = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s\"]+)", re.IGNORECASE)  # RFC 5987, sent by older clients
BOUNDARY = re.compile(r";\s*boundary\s*=\s*(?:\"([^\"]*)\"|([^;]*))", re.IGNORECASE)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Form:
    """The texts of a body. `lists`: the fields whose names end in `[]`, which may be repeated."""

    fields: dict[str, str]
    lists: dict[str, list[str]]


async def read_form(request: web.Request, files: FormFiles) -> Form:
    """Reads the whole body and stores its files. Raises Problem for any error in it, and StoreUnavailable."""
    most_parts = PARTS_MAX + files.most - 1
    parser = PushMultipartParser(
        _boundary(request), max_header_size=HEADER_BYTES_MAX, max_segment_count=most_parts, header_charset="latin-1"
    )
    parts = _Parts(files)
    received_bytes = 0
    try:
        async for chunk in chunks(request.content):
            received_bytes += len(chunk)
            for event in parser.parse(chunk):
                await parts.take(event)
            parts.check_overhead(received_bytes)
        parser.close()
    except MultipartError as error:
        raise malformed(f"The body is not well-formed multipart/form-data: {error}.") from error
    return parts.form()


class _Parts:
    """The parts of one body as they arrive: `take()` each event of the parser, then `form()`."""

    def __init__(self, files: FormFiles) -> None:
        self._files = files
        self._fields: dict[str, str] = {}
        self._lists: dict[str, list[str]] = {}
        self._seen: set[str] = set()
        self._name = ""
        self._value = bytearray()

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        """A part's headers, some of its bytes, or its end."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is not None:
            await self._add(event)
        elif self._name == self._files.field:
            await self._files.end()
        elif self._name.endswith(LIST):
            self._lists.setdefault(self._name, []).append(self._text())
        else:
            self._fields[self._name] = self._text()

    def check_overhead(self, received_bytes: int) -> None:
        """Raises Problem when too much of the body belongs to no part, or to no file."""
        overhead_bytes = received_bytes - self._files.size_bytes
        if overhead_bytes > (OVERHEAD_BYTES if self._seen else PREAMBLE_BYTES_MAX):
            raise malformed("The body is not multipart/form-data with the boundary that its Content-Type names.")

    def form(self) -> Form:
        if not self._files.all:
            raise malformed(f"The file is missing: send it as the field {self._files.field!r} of a multipart/form-data body.")
        return Form(self._fields, self._lists)

    def _begin(self, part: MultipartSegment) -> None:
        name, filename, field = _decoded(part.name), _filename(part), self._files.field
        if not name or (part.content_type or "").startswith("multipart/"):
            raise malformed("Every part needs a name, and parts must not be nested.")
        if name in self._seen and not name.endswith(LIST) and (name != field or self._files.most == 1):
            raise malformed(f"There are two parts named {name[:80]!r}; send each field once, and one file per request.")
        if name == field:
            if filename is None:
                raise malformed(
                    f"The part {field!r} is a text field: send a file there, with its name (curl -F {field}=@talk.wav)."
                )
            self._files.begin(display_name(filename))
        elif filename is not None:
            raise malformed(f"The file must be in the field {field!r}, not {name[:80]!r}.")
        self._seen.add(name)
        self._name, self._value = name, bytearray()

    async def _add(self, data: bytes) -> None:
        if self._name == self._files.field:
            await self._files.write(data)
            return
        self._value += data
        if len(self._value) > FIELD_BYTES_MAX:
            raise malformed(f"The field {self._name[:80]!r} is longer than {FIELD_BYTES_MAX} bytes.")

    def _text(self) -> str:
        try:
            return self._value.decode()
        except UnicodeDecodeError:
            raise malformed(f"The field {self._name[:80]!r} is not UTF-8.") from None


def _filename(part: MultipartSegment) -> str | None:
    """As browsers encode it (`%22` for a quote), or in RFC 5987's form; None for a part that is not a file."""
    extended = EXTENDED_FILENAME.search(part.header("Content-Disposition") or "")
    if extended is not None:
        return unquote(extended[1])
    return None if part.filename is None else _decoded(part.filename)


def _decoded(text: str) -> str:
    """Names are UTF-8, but for those of old file systems: bytes that are not become surrogates, which are never shown."""
    return text.encode("latin-1").decode(errors="surrogateescape")


def check_length(request: web.BaseRequest, max_bytes: int) -> None:
    """Refuses a body that says itself that it is too large, before any of it is read."""
    if (request.content_length or 0) > max_bytes + OVERHEAD_BYTES:
        raise too_large(max_bytes)


async def expect_continue(request: web.Request, files_max: int = 1) -> None:
    """Sends `100 Continue` only to a client whose body will be read."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed
    check_length(request, request.config_dict[MAX_BYTES] * files_max)
    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


MAX_BYTES = web.AppKey("max_bytes", int)


def malformed(detail: str) -> Problem:
    return Problem(400, "bad_request", detail)


def check_encoding(request: web.BaseRequest) -> None:
    """Raises Problem 415 for a compressed body."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "unsupported_encoding", "The body must not be compressed: leave Content-Encoding out.")


def _boundary(request: web.Request) -> str:
    """Raises Problem for a body that is no form, is compressed, or has no boundary."""
    content_type = request.headers.get("Content-Type", "")  # the request's property parses it as e-mail: 0.2 ms
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem(415, "not_multipart", "Send the file as a part of a multipart/form-data body, or name it in JSON.")
    check_encoding(request)
    found = BOUNDARY.search(content_type)
    boundary = (found[1] or found[2] or "").strip() if found else ""
    if not 1 <= len(boundary) <= BOUNDARY_MAX or not boundary.isascii() or not boundary.isprintable():
        raise malformed(f"The Content-Type needs a boundary of 1 to {BOUNDARY_MAX} characters.")
    return boundary


async def chunks(content: StreamReader) -> AsyncIterator[bytes]:
    """What has arrived, again and again until the end. Raises Problem 400 when the body ends too early, and 408, which comes from
    its connection, when it stalls."""
    try:
        while chunk := await content.readany():
            yield chunk
    except (HttpProcessingError, web.RequestPayloadError) as error:
        raise malformed("The body ends too early, or its transfer encoding is damaged.") from error
