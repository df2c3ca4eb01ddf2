"""Fetching the file at a URL from a server on loopback: what is followed and what is not, and every limit."""

import asyncio
import gzip
import hashlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from producers.gateway.http.problems import Problem
from producers.gateway.submission import fetch, fetch_places
from producers.gateway.submission.fetch import REDIRECTS_MAX, Fetcher
from producers.gateway.submission.fetch_places import OWNER_MAX
from producers.gateway.submission.json_body import Source
from producers.gateway.submission.upload import Incoming, Memory, Stored
from runtime.objects.directory import DirectoryStore
from runtime.reachable import Reachable

MAX_BYTES = 1_000_000
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore({"work": tmp_path})


def fetched(store: DirectoryStore, handler: Handler, path: str = "/talk.wav", host: str = "127.0.0.1", **limits: Any) -> Stored:
    """What is stored of the file at this path of a server with this handler."""
    return named(store, handler, path, host, **limits)[0]


def named(
    store: DirectoryStore, handler: Handler, path: str = "/talk.wav", host: str = "127.0.0.1", **limits: Any
) -> tuple[Stored, str]:
    """As `fetched()`, and the name that the file is shown with."""

    async def scenario() -> tuple[Stored, str]:
        app = web.Application()
        app.router.add_get("/{path:.*}", handler)
        async with TestServer(app, host="127.0.0.1") as server:
            settings = {"reachable": Reachable(private=True), "timeout_s": 60.0, "max_bytes": MAX_BYTES, **limits}
            incoming, url = Incoming(store, "work", "x", MAX_BYTES, Memory()), f"http://{host}:{server.port}{path}"
            try:
                file = await Fetcher(**settings).fetch(url, incoming, "anna")
            except BaseException:
                await incoming.discard()
                raise
            stored = Stored(file.content.audio_id, file.content.size_bytes, incoming.store())
            return stored, Source(url=url).named(file.filename)

    return asyncio.run(scenario())


def refused(store: DirectoryStore, handler: Handler, **how: Any) -> tuple[int, str]:
    with pytest.raises(Problem) as problem:
        fetched(store, handler, **how)
    assert list(store.list("work")) == []
    return problem.value.status, str(problem.value.document["reason"])


def answering(body: bytes = b"", status: int = 200, **headers: str) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers={name.replace("_", "-"): text for name, text in headers.items()})

    return handler


def test_the_file_is_streamed_into_the_store_and_hashed(store: DirectoryStore) -> None:
    content = bytes(range(256)) * 3000
    stored = fetched(store, answering(content))
    assert stored.audio_id == hashlib.sha256(content).hexdigest()
    assert store.get("work", stored.ref.key) == content


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="monday 9h.mp3"', "monday 9h.mp3"),
        ("attachment; filename=\"reuniao.mp3\"; filename*=UTF-8''reuni%C3%A3o.mp3", "reunião.mp3"),
        ('inline; filename="../../etc/passwd"', "passwd"),
        ("attachment; filename*=UTF-8''a%0D%0Ab%2F..%2Fc%E2%80%AE.mp3", "c.mp3"),
        ('attachment; filename="reunião.mp3"', "reunião.mp3"),
        ("attachment", "talk é.wav"),
        ('attachment; filename=""', "talk é.wav"),
        ("attachment; filename=a b;;", "talk é.wav"),
        ("attachment; filename*=UTF-8''%ff.mp3", "talk é.wav"),
    ],
)
def test_a_file_has_the_name_that_its_server_gives_it_else_that_of_the_path(
    store: DirectoryStore, disposition: str, name: str
) -> None:
    path = "/download/talk%20%C3%A9.wav?version=2"
    assert named(store, answering(b"sound", Content_Disposition=disposition), path)[1] == name


def test_the_name_that_a_submission_gives_precedes_the_servers() -> None:
    assert Source(url="https://example.org/a.wav", filename="mine.wav").named("theirs.wav") == "mine.wav"
    assert Source(url="https://example.org/").named(None) == "audio"


def test_redirects_are_followed_up_to_a_number(store: DirectoryStore) -> None:
    async def handler(request: web.Request) -> web.Response:
        left = int(request.path.removeprefix("/"))
        return web.Response(body=b"sound") if not left else web.Response(status=302, headers={"Location": f"/{left - 1}"})

    assert fetched(store, handler, f"/{REDIRECTS_MAX}").size_bytes == 5
    store.delete("work", "x")
    assert refused(store, handler, path=f"/{REDIRECTS_MAX + 1}") == (502, "fetch_failed")


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest/meta-data", "http://[64:ff9b::169.254.169.254]/", "http://[2002:a9fe:a9fe::]/", "http://0/"],
)
def test_a_redirect_to_a_forbidden_address_is_not_followed(store: DirectoryStore, location: str) -> None:
    assert refused(store, answering(status=301, Location=location)) == (400, "forbidden_address")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://example.org/a", "http://user:pw@127.0.0.1/", "gopher://x"])
def test_a_redirect_to_what_is_no_url_for_a_file_is_not_followed(store: DirectoryStore, location: str) -> None:
    assert refused(store, answering(status=307, Location=location)) == (400, "bad_url")


def test_a_name_that_leads_into_a_private_network_is_refused_where_it_is_connected_to(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the name resolved to before."""
    asked = []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def scenario() -> None:
        incoming = Incoming(store, "work", "x", MAX_BYTES, Memory())
        fetcher = Fetcher(Reachable(), timeout_s=60.0, max_bytes=MAX_BYTES)
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        with pytest.raises(Problem) as problem:
            await fetcher.fetch("http://rebound.example/a.wav", incoming, "anna")
        assert (problem.value.status, problem.value.document["reason"]) == (400, "forbidden_address")

    asyncio.run(scenario())
    assert asked == ["rebound.example"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answering(b"gone", 404), (422, "fetch_refused")),
        (answering(b"no", 403), (422, "fetch_refused")),
        (answering(b"broken", 500), (502, "fetch_failed")),
        (answering(status=302), (502, "fetch_failed")),
        (answering(b""), (400, "empty")),
        (answering(bytes(MAX_BYTES + 1)), (413, "too_large")),
        (answering(gzip.compress(bytes(MAX_BYTES)), Content_Encoding="gzip"), (422, "fetch_refused")),
    ],
    ids=["not found", "forbidden", "failing", "redirect to nowhere", "empty", "too large", "a gzip bomb"],
)
def test_what_is_no_file_is_refused_with_its_reason(store: DirectoryStore, answer: Handler, expected: tuple[int, str]) -> None:
    assert refused(store, answer) == expected


def test_a_file_without_a_declared_length_is_limited_too(store: DirectoryStore) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(2 * MAX_BYTES // 65_536):
            await response.write(bytes(65_536))
        return response

    assert refused(store, handler) == (413, "too_large")


def test_a_server_that_stalls_or_drips_is_given_up(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"a")
        while request.path == "/drips" and request.transport is not None:
            await asyncio.sleep(0.01)
            await response.write(b"a")
        await asyncio.Event().wait()
        return response

    assert refused(store, handler, path="/drips", timeout_s=0.3) == (504, "fetch_timed_out")
    monkeypatch.setattr(fetch, "STALLED_S", 0.1)
    assert refused(store, handler, path="/stalls") == (504, "fetch_timed_out")


def test_a_server_that_cannot_be_reached_or_speaks_no_http_is_named_as_that(store: DirectoryStore) -> None:
    async def scenario() -> list[str]:
        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(b"220 mail.example ESMTP\r\n")
            writer.close()

        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reasons = []
        for url in (f"http://127.0.0.1:{port}/", "http://127.0.0.1:1/"):
            fetcher = Fetcher(Reachable(private=True), timeout_s=60.0, max_bytes=MAX_BYTES)
            with pytest.raises(Problem) as problem:
                await fetcher.fetch(url, Incoming(store, "work", "x", MAX_BYTES, Memory()), "anna")
            reasons.append(str(problem.value.document["reason"]))
        server.close()
        return reasons

    assert asyncio.run(scenario()) == ["fetch_failed", "fetch_failed"]


def test_slow_servers_of_one_owner_leave_places_to_others(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_places, "WAIT_S", 0.1)
    waiting, all_arrived = asyncio.Event(), asyncio.Event()
    arrived: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/slow":
            arrived.append(request)
            if len(arrived) == OWNER_MAX:
                all_arrived.set()
            await waiting.wait()
        return web.Response(body=b"sound")

    async def scenario() -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", handler)
        async with TestServer(app, host="127.0.0.1") as server:
            fetcher = Fetcher(Reachable(private=True), timeout_s=60.0, max_bytes=MAX_BYTES)

            async def fetched_by(owner: str, path: str) -> None:
                incoming = Incoming(store, "work", uuid4().hex, MAX_BYTES, Memory())
                await fetcher.fetch(f"http://127.0.0.1:{server.port}{path}", incoming, owner)
                await incoming.discard()

            slow = [asyncio.create_task(fetched_by("anna", "/slow")) for _ in range(OWNER_MAX)]
            await all_arrived.wait()
            with pytest.raises(Problem) as problem:
                await fetched_by("anna", "/quick")
            assert (problem.value.status, problem.value.document["reason"]) == (429, "too_many_fetches")
            assert problem.value.response().headers["Retry-After"]
            await fetched_by("ben", "/quick")
            waiting.set()
            await asyncio.gather(*slow)
            await fetched_by("anna", "/quick")

    asyncio.run(scenario())
