"""A client of the gateway's HTTP interface, for `murmur submit`, `status` and so on, and for `murmur transcribe`."""

import mimetypes
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import orjson

from runtime.backoff import Backoff
from runtime.errors import MurmurError, UsageError
from runtime.imports import without
from runtime.masking import masked

with without("httpx._main"):  # its command line: rich and pygments take 0.2 s
    import httpx

ENDED = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
PREFIX = "/api/transcribe/async"
CONNECT_S = 5.0
RESPONSE_S = 600.0  # the response to a large upload comes when the store has written it
PAGE_JOBS = 500  # the most that a gateway lists at once
BAD_REQUEST, EMPTY_FILE = 400, "empty"
UNAUTHORIZED = 401
TRANSIENT = (429, 503)
UNAVAILABLE_MAX_S = 60.0  # how long to poll a gateway that restarts or is not ready


class Refused(MurmurError):
    """An error response. `status` is HTTP's, `document` its problem document, empty if it has none."""

    def __init__(self, status: int, message: str, document: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.document = dict(document)

    @property
    def is_misuse(self) -> bool:
        """The request would be refused with any file, and again."""
        return self.status == UNAUTHORIZED or (self.status == BAD_REQUEST and self.document.get("reason") != EMPTY_FILE)


class Unreachable(UsageError):
    """No connection."""


class Broken(MurmurError):
    """The connection was lost."""


class GatewayClient:
    """All calls block. They raise Refused with the gateway's message, Unreachable, or Broken."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self._url = masked(url)  # for messages
        timeout = httpx.Timeout(RESPONSE_S, connect=CONNECT_S)
        if api_key is not None and not re.fullmatch(r"[\x21-\x7e]+", api_key):
            raise UsageError("the API key has characters that no key has: check MURMUR_API_KEY, or --api-key")
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        with self._translated():
            self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout, trust_env=False)

    def submit(self, path: Path, fields: Mapping[str, str]) -> dict[str, Any]:
        """The body of the 202 response. The file is streamed. Raises OSError when it cannot be read."""
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        with path.open("rb") as file:
            return self.json("POST", PREFIX, data=dict(fields), files={"file": (_text(path.name), file, kind)})

    def submit_url(self, url: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """As `submit()`, of a file that the gateway fetches."""
        return self.json("POST", PREFIX, json={**fields, "url": url})

    def jobs(self, last: int | None, state: str | None = None) -> dict[str, Any]:
        """As many of the newest jobs as that, or all of them, in one document; how many there are in each state."""
        jobs: list[dict[str, Any]] = []
        query = {} if state is None else {"state": state}
        while True:
            limit = PAGE_JOBS if last is None else min(PAGE_JOBS, last - len(jobs))
            page = self.json("GET", "/api/jobs", params={**query, "limit": str(limit)})
            jobs += page["jobs"]
            cursor = page.get("next_cursor")
            if cursor is None or len(jobs) == last:
                return {**page, "jobs": jobs}
            query["cursor"] = cursor

    def status(self, task_id: str) -> dict[str, Any]:
        return self.json("GET", f"{PREFIX}/status/{_part(task_id)}")

    def cancel(self, task_id: str) -> dict[str, Any]:
        return self.json("DELETE", f"{PREFIX}/{_part(task_id)}")

    def retry(self, task_id: str) -> dict[str, Any]:
        """The body of the 202 response: that of the new job."""
        return self.json("POST", f"/api/jobs/{_part(task_id)}/retry")

    def delete(self, task_id: str) -> dict[str, Any]:
        return self.json("DELETE", f"/api/jobs/{_part(task_id)}")

    def is_alive(self) -> bool:
        """Whether a gateway answers there, and not something else."""
        return self.json("GET", "/livez", timeout=CONNECT_S).get("status") == "alive"

    def transcript(self, task_id: str, name: str) -> bytes:
        """`name`: of the format."""
        from runtime.formats import FORMATS

        return self._request("GET", f"{PREFIX}/{_part(task_id)}/transcript.{FORMATS[name].ending}").content

    def watch(self, task_id: str, sleep: Callable[[float], None] = time.sleep) -> Iterator[dict[str, Any]]:
        """Every status that differs from the one before, up to the terminal one. Polls at growing intervals; waits for a
        gateway that becomes unavailable after its first response."""
        last: dict[str, Any] | None = None
        backoff, unavailable_s = Backoff(0.05, 1.0, factor=1.2), 0.0
        while True:
            pause_s = backoff.next_s()
            try:
                status, unavailable_s = self.status(task_id), 0.0
            except (Refused, Unreachable, Broken) as error:
                unavailable_s += pause_s
                if not _is_transient(error, after_response=last is not None) or unavailable_s > UNAVAILABLE_MAX_S:
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

    def json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The object in the body of the response."""
        document = _object(self._request(method, path, **more))
        if not document:
            raise UsageError(f"the server at {self._url} is not a murmur gateway: set MURMUR_GATEWAY_URL")
        return document

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        with self._translated():
            response = self._http.request(method, path, **more)
        if not response.is_success:
            problem = _object(response)
            message = problem.get("detail") or f"{self._url} responds {response.status_code} {response.reason_phrase}"
            if response.status_code == UNAUTHORIZED:
                message = f"the gateway at {self._url} requires a valid API key: set MURMUR_API_KEY, or --api-key"
            raise Refused(response.status_code, str(message), problem)
        return response

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise UsageError(f"MURMUR_GATEWAY_URL is not an http URL: {self._url}") from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(
                f"no gateway answers at {self._url} ({error}): start one with `murmur dev`, or set MURMUR_GATEWAY_URL"
            ) from error
        except httpx.HTTPError as error:
            raise Broken(f"the connection to the gateway at {self._url} failed: {error or type(error).__name__}") from error


def _is_transient(error: MurmurError, *, after_response: bool) -> bool:
    """Whether to retry: 503 and 429 always; a failed connection only if the gateway has responded before."""
    if isinstance(error, Refused):
        return error.status in TRANSIENT
    return after_response


def _object(response: httpx.Response) -> dict[str, Any]:
    """The response's JSON object; empty if it is something else, such as a proxy's page."""
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _text(name: str) -> str:
    """A form has Unicode text: bytes of a file name that are no UTF-8 are replaced."""
    return os.fsencode(name).decode(errors="replace")


def _part(text: str) -> str:
    """Quoted, so that what the user typed remains one path segment."""
    return quote(text, safe="")
