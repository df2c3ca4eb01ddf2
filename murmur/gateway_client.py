"""The gateway's HTTP interface from the outside, for `murmur submit` and its siblings and for `murmur transcribe`."""

import mimetypes
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import orjson

from runtime.backoff import Backoff
from runtime.errors import MurmurError, UsageError

ENDED = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
PREFIX = "/api/transcribe/async"
CONNECT_S = 5.0
ANSWER_S = 600.0  # the answer to a large upload comes when the store has taken it
PATIENCE_S = 60.0  # a gateway that starts again, or cannot say yet, is asked again for so long


class Refused(MurmurError):
    """The gateway answered, and said no. `status` is HTTP's, `document` the problem that it sent, empty if it sent none."""

    def __init__(self, status: int, message: str, document: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.document = dict(document)


class Unreachable(UsageError):
    """Nobody answers there."""


class Broken(MurmurError):
    """The connection broke off."""


class GatewayClient:
    """All calls block. They raise Refused with the gateway's own words, Unreachable, or Broken."""

    def __init__(self, url: str) -> None:
        self._url = url
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        with self._told():
            self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def submit(self, path: Path, fields: Mapping[str, str]) -> dict[str, Any]:
        """The 202 answer. The file is streamed. Raises OSError when it cannot be read."""
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        with path.open("rb") as file:
            return self._json("POST", PREFIX, data=dict(fields), files={"file": (path.name, file, kind)})

    def status(self, task_id: str) -> dict[str, Any]:
        return self._json("GET", f"{PREFIX}/status/{_part(task_id)}")

    def cancel(self, task_id: str) -> dict[str, Any]:
        return self._json("DELETE", f"{PREFIX}/{_part(task_id)}")

    def transcript(self, task_id: str, name: str) -> bytes:
        return self._request("GET", f"{PREFIX}/{_part(task_id)}/transcript.{_part(name)}").content

    def watch(self, task_id: str, sleep: Callable[[float], None] = time.sleep) -> Iterator[dict[str, Any]]:
        """Every status that differs from the one before, to the terminal one. Polls, slower as time goes by; a gateway that
        goes away after its first answer is waited for."""
        last: dict[str, Any] | None = None
        backoff, silent_s = Backoff(0.05, 1.0, factor=1.2), 0.0
        while True:
            pause_s = backoff.next_s()
            try:
                status, silent_s = self.status(task_id), 0.0
            except (Refused, Unreachable, Broken) as error:
                silent_s += pause_s
                if not _passes(error, after_answer=last is not None) or silent_s > PATIENCE_S:
                    raise
            else:
                if status != last:
                    yield status
                if status["state"] in ENDED:
                    return
                last = status
            sleep(pause_s)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = _object(self._request(method, path, **more))
        if not answer:
            raise UsageError(f"what answers at {self._url} is no murmur gateway: set MURMUR_GATEWAY_URL")
        return answer

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        with self._told():
            response = self._http.request(method, path, **more)
        if not response.is_success:
            problem = _object(response)
            message = problem.get("detail") or f"{self._url} answers {response.status_code} {response.reason_phrase}"
            raise Refused(response.status_code, str(message), problem)
        return response

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise UsageError(f"MURMUR_GATEWAY_URL is no http URL: {self._url}") from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(
                f"no gateway answers at {self._url} ({error}): start one with `murmur dev`, or set MURMUR_GATEWAY_URL"
            ) from error
        except httpx.HTTPError as error:
            raise Broken(f"the gateway at {self._url} broke off: {error or type(error).__name__}") from error


def _passes(error: MurmurError, *, after_answer: bool) -> bool:
    """Whether it makes sense to ask again: 503 always; no answer at all only from a gateway that has answered before."""
    if isinstance(error, Refused):
        return error.status == httpx.codes.SERVICE_UNAVAILABLE
    return after_answer


def _object(response: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object; empty where it is none, as from a proxy in between."""
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _part(text: str) -> str:
    """Of a path: what a person typed stays one part of it."""
    return quote(text, safe="")
