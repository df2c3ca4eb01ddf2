"""A plain HTTP client for tests: what curl would do, with the standard library."""

import json
import uuid
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import DEADLINE_S, wait_until

ENDED = {"SUCCESS", "FAILURE", "REVOKED"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


class Client:
    def __init__(self, address: str, timeout_s: float = DEADLINE_S) -> None:
        self.address = address
        self._timeout_s = timeout_s

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        parts = urlsplit(self.address)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=self._timeout_s)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def ready(self) -> bool:
        try:
            return self.request("GET", "/readyz").status == 200
        except OSError:
            return False

    def post(self, name: str, content: bytes, headers: dict[str, str] | None = None, /, **fields: str) -> Answer:
        """A multipart upload."""
        boundary = uuid.uuid4().hex
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = b"".join([*parts, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])
        content_type = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.request("POST", "/api/transcribe/async", body, content_type | (headers or {}))

    def submit(self, path: Path, **fields: str) -> str:
        """The task's id."""
        answer = self.post(path.name, path.read_bytes(), **fields)
        assert answer.status == 202, answer.body
        return str(answer.json["task_id"])

    def status(self, task_id: str) -> dict[str, Any]:
        answer = self.request("GET", f"/api/transcribe/async/status/{task_id}")
        assert answer.status == 200, answer.body
        return answer.json

    def ended(self, task_id: str) -> dict[str, Any]:
        """The status once it is terminal."""

        def look() -> dict[str, Any] | None:
            status = self.status(task_id)
            return status if status["state"] in ENDED else None

        return wait_until(look, f"the end of {task_id}") or {}

    def transcript(self, task_id: str, name: str) -> Answer:
        return self.request("GET", f"/api/transcribe/async/{task_id}/transcript.{name}")

    def cancel(self, task_id: str) -> Answer:
        return self.request("DELETE", f"/api/transcribe/async/{task_id}")
