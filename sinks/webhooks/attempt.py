"""One POST, signed and guarded, and its outcome. Called by `courier`.

The receiver's status decides. Of its body at most 64 kB are read, for a few seconds, and not unpacked; a piece of it is for the
delivery log.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any, Literal

import aiohttp
from yarl import URL

from runtime.addresses import AddressRefused, Guard
from runtime.reachable import Reachable
from runtime.signing import Signer
from schemas.record import TraceContext
from schemas.webhooks import WebhookDelivery
from sinks.webhooks.spans import posting

Outcome = Literal[
    "delivered",
    "refused",  # 4xx
    "gone",  # 410
    "redirected",
    "failed",  # any other status
    "unreachable",
    "timed_out",
    "forbidden_address",
    "bad_url",
    "not_signed",  # from here on: not sent
    "circuit_open",
    "transcript_gone",
    "endpoint_disabled",
    "endpoint_deleted",
]
LOST: frozenset[Outcome] = frozenset({"transcript_gone", "endpoint_disabled", "endpoint_deleted"})
FINAL = LOST | frozenset[Outcome]({"gone", "forbidden_address", "bad_url"})  # no further attempt
NOT_SENT = LOST | frozenset[Outcome]({"not_signed", "circuit_open"})
OVERLOADED = frozenset({429, 502, 503, 504})  # the receiver is to be left alone for a while, whether it says for how long or not
CONNECT_S = 5.0
KEEP_ALIVE_S = 4.0  # less than what most servers wait for another request on a connection
READ_MAX_BYTES = 64 * 1024
READ_BUFFER_BYTES = 16 * 1024  # aiohttp stops receiving at twice as much
READ_S = 2.0
SOCKET_BYTES = 32 * 1024  # of its receive buffer, which Linux doubles: so much can arrive at once
PIECE_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Order:
    """A delivery that is to be attempted. `host`: shares no connection with another. `may_wait`: it may be postponed, which is no
    attempt; `may_wait_for_probe`: also by an open circuit. `is_last`: an open circuit for which it may not wait does not prevent
    it."""

    delivery: WebhookDelivery
    host: str
    url: str = field(repr=False)
    signer: Signer
    is_last: bool = False
    may_wait: bool = True
    may_wait_for_probe: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of an attempt. `detail` is for people; `response`: the beginning of the body; `after_s`: the receiver's
    Retry-After."""

    outcome: Outcome
    detail: str
    status_code: int | None = None
    response: str = ""
    after_s: float | None = None


class Poster:
    """Used in one event loop. `now`: the wall clock."""

    def __init__(self, reachable: Reachable, timeout_s: float, now: Callable[[], datetime]) -> None:
        self.now = now
        self._reachable = reachable
        self._timeout_s = timeout_s

    def session(self, connections: int, *, tls: bool) -> aiohttp.ClientSession:
        """To one receiver, with so many connections."""
        guard = self._reachable.guard(tls=tls)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE_S, socket_factory=_small(guard)),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=CONNECT_S, sock_connect=CONNECT_S),
            headers={
                "Content-Type": "application/json",
                "User-Agent": f"murmur/{version('murmur')}",
                "Accept-Encoding": "identity",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=READ_BUFFER_BYTES,
            trust_env=False,
        )

    async def post(
        self,
        session: aiohttp.ClientSession,
        order: Order,
        body: bytes,
    ) -> Answer:
        """Raises nothing that a receiver or a URL can cause."""
        with posting(order.url, order.delivery.trace) as posted:
            answer = await self._post(session, order, body, posted.trace)
            posted.outcome, posted.status_code = answer.outcome, answer.status_code
        return answer

    async def _post(self, session: aiohttp.ClientSession, order: Order, body: bytes, trace: TraceContext | None) -> Answer:
        now, delivery = self.now(), order.delivery
        headers = order.signer.headers(delivery.webhook_id, body, now)
        if trace is not None:  # for the receiver, which may continue it
            headers |= trace.headers
        try:
            async with session.post(URL(order.url), data=body, headers=headers, allow_redirects=False) as response:
                piece = await _piece(response)
                return judge(response.status, response.headers.get("Retry-After"), now, piece)
        except TimeoutError:
            return Answer("timed_out", f"no response within {self._timeout_s:g} s, or no connection within {CONNECT_S:g} s")
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefused):
                return Answer("forbidden_address", str(error.os_error))
            return Answer("unreachable", _connection_problem(error.os_error))
        except (aiohttp.InvalidURL, ValueError) as error:  # ValueError: a host that cannot be written as IDNA, for one
            return Answer("bad_url", type(error).__name__)
        except (aiohttp.ClientError, OSError) as error:
            return Answer("unreachable", type(error).__name__)


def judge(status: int, retry_after: str | None, now: datetime, response: str = "") -> Answer:
    """Only 2xx is a success; a redirect is not followed, since it could lead anywhere. Pure."""
    detail = f"status {status}"
    if 200 <= status < 300:
        return Answer("delivered", detail, status, response)
    if status == 410:
        return Answer("gone", detail, status, response)
    after_s = _seconds(retry_after, now)
    if 300 <= status < 400:
        return Answer("redirected", detail, status, response, after_s)
    if 400 <= status < 500 and status not in (408, 429):
        return Answer("refused", detail, status, response, after_s)
    return Answer("failed", detail, status, response, after_s)


def _connection_problem(error: OSError) -> str:
    """For people. Of a certificate also what is wrong with it."""
    why = f": {error.verify_message}" if isinstance(error, ssl.SSLCertVerificationError) else ""
    return f"{type(error).__name__}{why}"


def _small(guard: Guard) -> Callable[[tuple[Any, ...]], socket.socket]:
    def new_socket(address_info: tuple[Any, ...]) -> socket.socket:
        made = guard(address_info)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
        return made

    return new_socket


async def _piece(response: aiohttp.ClientResponse) -> str:
    """What comes of the body soon. A body that was read to its end leaves the connection usable."""
    read = bytearray()
    try:
        async with asyncio.timeout(READ_S):
            while len(read) < READ_MAX_BYTES - 2 * READ_BUFFER_BYTES and (block := await response.content.readany()):
                read += block
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass  # the status has come: it is the answer
    if not response.content.at_eof():
        response.close()  # also ends what is still being sent
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return ""
    text = bytes(read[: 4 * PIECE_CHARACTERS]).decode(errors="replace")
    return "".join(character if character.isprintable() else " " for character in text)[:PIECE_CHARACTERS].strip()


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """The header is a number of seconds or a date; anything else counts as none."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # OverflowError: a part that is larger than any year
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
