"""The gateway's HTTP interface from the outside, for `murmur submit` and its siblings and for `murmur transcribe`."""

import mimetypes
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

from murmur.errors import MurmurError, UsageError

ENDED = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
PREFIX = "/api/transcribe/async"
CONNECT_S = 5.0
ANSWER_S = 600.0  # the answer to a large upload comes when the store has taken it


class Refused(MurmurError):
    """The gateway answered, and said no. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class GatewayClient:
    """All calls block. They raise Refused with the gateway's own words, or UsageError when nobody answers there."""

    def __init__(self, url: str) -> None:
        self._url = url
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def submit(self, path: Path, fields: Mapping[str, str]) -> dict[str, Any]:
        """The 202 answer. The file is streamed."""
        if not path.is_file():
            raise UsageError(f"there is no file {path}")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        with path.open("rb") as file:
            return self._json("POST", PREFIX, data=dict(fields), files={"file": (path.name, file, kind)})

    def status(self, task_id: str) -> dict[str, Any]:
        return self._json("GET", f"{PREFIX}/status/{task_id}")

    def cancel(self, task_id: str) -> dict[str, Any]:
        return self._json("DELETE", f"{PREFIX}/{task_id}")

    def transcript(self, task_id: str, name: str) -> bytes:
        return self._request("GET", f"{PREFIX}/{task_id}/transcript.{name}").content

    def watch(self, task_id: str) -> Iterator[dict[str, Any]]:
        """Every status that differs from the one before, to the terminal one. Polls, slower as time goes by."""
        pause_s, last = 0.05, None
        while True:
            status = self.status(task_id)
            if status != last:
                yield status
            if status["state"] in ENDED:
                return
            last = status
            time.sleep(pause_s)
            pause_s = min(1.0, pause_s * 1.2)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = orjson.loads(self._request(method, path, **more).content)
        assert isinstance(answer, dict)
        return answer

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        with self._told():
            response = self._http.request(method, path, **more)
        if response.is_error:
            raise Refused(response.status_code, _reason(response))
        return response

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except httpx.InvalidURL as error:
            raise UsageError(f"MURMUR_GATEWAY_URL is no URL: {self._url} ({error})") from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise UsageError(
                f"no gateway answers at {self._url} ({error}): start one with `murmur dev`, or set MURMUR_GATEWAY_URL"
            ) from error
        except httpx.HTTPError as error:
            raise MurmurError(f"the gateway at {self._url} broke off: {error or type(error).__name__}") from error


def _reason(response: httpx.Response) -> str:
    """The `detail` of a problem document, or what a proxy in between said."""
    try:
        problem = orjson.loads(response.content)
        return str(problem["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"HTTP {response.status_code} {response.reason_phrase}"
