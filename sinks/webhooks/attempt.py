"""One POST, signed and guarded, and its outcome. Called by `delivery`.

The receiver's status decides. Its body is not read: no more of it than 64 kB comes into memory, and it is not unpacked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Literal

import aiohttp
from yarl import URL

from runtime.addresses import AddressRefused, Guard
from runtime.signing import Signer
from schemas.record import TraceContext

Outcome = Literal["delivered", "refused", "redirected", "failed", "unreachable", "timed_out", "forbidden_address", "bad_url"]
AGAIN: frozenset[Outcome] = frozenset({"failed", "unreachable", "timed_out"})
RETRIED_STATUSES = (408, 429)  # the retriable 4xx
CONNECT_S = 5.0
READ_BUFFER_BYTES = 32 * 1024  # aiohttp stops reading at twice as much


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of an attempt. `detail` is for the log; `after_s`: the receiver's Retry-After."""

    outcome: Outcome
    detail: str
    after_s: float | None = None

    @property
    def is_worth_another(self) -> bool:
        return self.outcome in AGAIN


class Poster:
    """Used in one event loop, from `open()` to `close()`. Every attempt has a connection of its own. `now`: the wall clock."""

    def __init__(self, signer: Signer, guard: Guard, timeout_s: float, now: Callable[[], datetime]) -> None:
        self._signer = signer
        self._guard = guard
        self._timeout_s = timeout_s
        self._now = now

    def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True, socket_factory=self._guard),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=CONNECT_S, sock_connect=CONNECT_S),
            headers={"Content-Type": "application/json", "User-Agent": f"murmur/{version('murmur')}"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=READ_BUFFER_BYTES,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def post(self, url: str, webhook_id: str, body: bytes, trace: TraceContext | None = None) -> Answer:
        """Raises nothing that a receiver or a URL can cause. `trace`: for the receiver, which may continue it."""
        now = self._now()
        headers = self._signer.headers(webhook_id, body, now) | (trace.headers if trace is not None else {})
        try:
            async with self._session.post(URL(url), data=body, headers=headers, allow_redirects=False) as response:
                response.close()  # also ends what is still being sent
                return judge(response.status, response.headers.get("Retry-After"), now)
        except TimeoutError:
            return Answer("timed_out", f"no response within {self._timeout_s:g} s, or no connection within {CONNECT_S:g} s")
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefused):
                return Answer("forbidden_address", str(error.os_error))
            return Answer("unreachable", type(error.os_error).__name__)
        except (aiohttp.InvalidURL, ValueError) as error:  # ValueError: a host that cannot be written as IDNA, for one
            return Answer("bad_url", type(error).__name__)
        except (aiohttp.ClientError, OSError) as error:
            return Answer("unreachable", type(error).__name__)


def judge(status: int, retry_after: str | None, now: datetime) -> Answer:
    """Only 2xx is a success; a redirect is not followed, since it could lead anywhere. Pure."""
    status_line = f"status {status}"
    if 200 <= status < 300:
        return Answer("delivered", status_line)
    if 300 <= status < 400:
        return Answer("redirected", status_line)
    if 400 <= status < 500 and status not in RETRIED_STATUSES:
        return Answer("refused", status_line)
    return Answer("failed", status_line, _seconds(retry_after, now) if status in (429, 503) else None)


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """The header is a number of seconds or a date; anything else counts as none."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
