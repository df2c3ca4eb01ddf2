"""Server-sent events, read as a browser reads them."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from tests.waiting import DEADLINE_S


@dataclass(frozen=True, slots=True)
class Event:
    """`id` is that of the last event that has one. A comment is an event of the kind "comment"."""

    kind: str
    id: str
    data: Any

    @property
    def texts(self) -> list[str]:
        return [segment["text"] for segment in self.data["segments"]]


@contextmanager
def listening(netloc: str, path: str, headers: Mapping[str, str] | None = None) -> Iterator[Iterator[Event]]:
    """Until the server or the block ends the stream."""
    connection = http.client.HTTPConnection(netloc, timeout=DEADLINE_S)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        assert answer.getheader("Content-Type") == "text/event-stream"
        yield _events(answer)
    finally:
        connection.close()


def _events(lines: http.client.HTTPResponse) -> Iterator[Event]:
    kind, event_id = "", ""
    for line in lines:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "id":
            event_id = value
        elif name == "data":
            yield Event(kind, event_id, orjson.loads(value))
        elif line.startswith(b":"):
            yield Event("comment", event_id, value)
