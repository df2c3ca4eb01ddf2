"""Fetches the file at a URL that a submission names, as a stream, under the guard that webhooks have.

The guard sees each address just before it is connected to, at every redirect; neither a second look-up nor an odd spelling of an
address gets past it. What a server sends is limited in size, in time and in how long it may stall, and is never unpacked.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import aiohttp
from yarl import URL

from producers.gateway.http.problems import Problem
from producers.gateway.submission.fetch_places import FetchPlaces
from producers.gateway.submission.upload import Content, Incoming, too_large
from runtime.addresses import AddressRefused
from runtime.reachable import Reachable
from runtime.webhooks import url_problem

REDIRECTS_MAX = 5
REDIRECTS = (301, 302, 303, 307, 308)
CONNECT_S = 5.0
STALLED_S = 30.0  # without a byte
BLOCK_BYTES = 256 * 1024
NOT_TEXT = "has blanks, control characters or backslashes"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete file. `filename`: as the server names it, which may be any text; None: it does not."""

    content: Content
    filename: str | None = None


class Fetcher:
    """For one event loop. `timeout_s`: of a whole fetch, with all redirects."""

    def __init__(self, reachable: Reachable, *, timeout_s: float, max_bytes: int) -> None:
        self._reachable = reachable
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._places = FetchPlaces()

    def check(self, url: str) -> None:
        """Raises Problem 400 for a URL that can never be fetched."""
        problem = url_problem(url)
        if problem is None and any(c.isspace() or not c.isprintable() or c == "\\" for c in url):
            problem = NOT_TEXT
        if problem is not None:
            raise Problem(400, "bad_url", f"The URL cannot be fetched: it {problem}.")
        if self._reachable.problem(url) is not None:
            raise _forbidden()

    async def fetch(self, url: str, incoming: Incoming, owner: str) -> Fetched:
        """Waits for one of the owner's places. Raises Problem, and StoreUnavailable. The caller discards `incoming` then."""
        async with self._places.held(owner):
            return await self._fetched(url, incoming)

    async def _fetched(self, url: str, incoming: Incoming) -> Fetched:
        try:
            async with asyncio.timeout(self._timeout_s), self._session() as session:
                return await self._follow(session, url, incoming)
        except TimeoutError:
            detail = f"The URL did not deliver its file: {STALLED_S:.0f} s without data, or {self._timeout_s:.0f} s in all."
            raise Problem(504, "fetch_timed_out", detail) from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefused):
                raise _forbidden() from None
            raise Problem(502, "fetch_failed", f"The URL's server cannot be reached: {type(error.os_error).__name__}.") from error
        except UnicodeError as error:
            raise Problem(400, "bad_url", "The URL cannot be fetched: its host is not a name that DNS can have.") from error
        except aiohttp.ClientPayloadError as error:
            raise Problem(502, "fetch_failed", "The URL's server ended its response before the file was complete.") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise Problem(
                502, "fetch_failed", f"The URL's server does not speak HTTP properly: {type(error).__name__}."
            ) from error

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(force_close=True, socket_factory=self._reachable.guard(tls=False))
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S, sock_connect=CONNECT_S, sock_read=STALLED_S),
            headers={"User-Agent": f"murmur/{version('murmur')}", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        ) as session:
            yield session

    async def _follow(self, session: aiohttp.ClientSession, url: str, incoming: Incoming) -> Fetched:
        for _ in range(REDIRECTS_MAX + 1):
            self.check(url)
            async with session.get(URL(url), allow_redirects=False) as response:
                if response.status not in REDIRECTS:
                    return await self._read(response, incoming)
                url = _next(response)
        raise Problem(502, "fetch_failed", f"The URL redirects more than {REDIRECTS_MAX} times.")

    async def _read(self, response: aiohttp.ClientResponse, incoming: Incoming) -> Fetched:
        if response.status != 200:
            status, reason = (502, "fetch_failed") if response.status >= 500 else (422, "fetch_refused")
            raise Problem(status, reason, f"The URL's server responds {response.status}.", upstream_status=response.status)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Problem(422, "fetch_refused", "The URL's server sends the file compressed although that was not accepted.")
        if (response.content_length or 0) > self._max_bytes:
            raise too_large(self._max_bytes)
        received_bytes = 0
        async for block in response.content.iter_chunked(BLOCK_BYTES):
            received_bytes += len(block)
            await incoming.write(block)
        if not received_bytes:
            raise Problem(400, "empty", "The file at the URL is empty.")
        return Fetched(await incoming.finish(), _filename(response))


def _filename(response: aiohttp.ClientResponse) -> str | None:
    """By Content-Disposition: `filename*` before `filename` (RFC 6266). None: there is none, or it is malformed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # aiohttp's, of a malformed header
        disposition = response.content_disposition
    return disposition.filename if disposition is not None else None


def _next(response: aiohttp.ClientResponse) -> str:
    """Where a redirect leads. Raises Problem; never from https to http: the file would travel unprotected."""
    location = response.headers.get("Location")
    if not location:
        raise Problem(502, "fetch_failed", "The URL redirects to nowhere.")
    following = response.url.join(URL(location))
    if response.url.scheme == "https" and following.scheme == "http":
        raise Problem(422, "fetch_refused", "The URL redirects from https to http.")
    return str(following)


def _forbidden() -> Problem:
    return Problem(400, "forbidden_address", "The URL leads to an address that is not public.")
