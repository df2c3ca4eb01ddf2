"""Attempts with real connections, for the tests of what is sent and where to."""

import socket
from collections.abc import Hashable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

from runtime.addresses import Network
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from runtime.reachable import Reachable
from runtime.signing import Signer
from schemas.jobs import JobChanged
from sinks.webhooks.attempt import Answer, Order, Poster
from sinks.webhooks.courier import Attempted
from sinks.webhooks.fan_out import deliveries
from sinks.webhooks.message import Bodies
from sinks.webhooks.sender import Sender
from tests.ended import SECRET, ended
from tests.waiting import wait_until


@contextmanager
def sending(
    objects: DirectoryStore, *, timeout_s: float = 60.0, allow_private: bool | tuple[Network, ...] = True, plain: bool = True
) -> Iterator[Sender]:
    poster = Poster(Reachable(allow_private, plain), timeout_s, lambda: datetime.now(UTC))
    sender = Sender(Transcripts(objects, "work"), Bodies("", 1_000_000), poster)
    sender.start()
    with closing(sender):
        yield sender


def order(event: JobChanged, **fields: Any) -> Order:
    (delivery,) = deliveries(event, (), datetime.now(UTC))
    url = delivery.url or ""
    return Order(delivery.model_copy(update=fields), url.rpartition("/")[0], url, Signer(SECRET))


def results(sender: Sender, events: Sequence[JobChanged]) -> list[Answer]:
    """Of one attempt for each."""
    for number, event in enumerate(events):
        sender.send(number, order(event))
    found: dict[Hashable, Answer] = {}

    def take() -> bool:
        for which, result in sender.finished():
            if isinstance(result, Exception):
                raise result
            assert isinstance(result, Attempted)
            found[which] = result.answer
        return len(found) == len(events)

    wait_until(take, f"the end of {len(events)} attempts")
    return [found[number] for number in range(len(events))]


def attempt(
    objects: DirectoryStore,
    url: str,
    *,
    timeout_s: float = 60.0,
    allow_private: bool | tuple[Network, ...] = True,
    plain: bool = True,
) -> Answer:
    with sending(objects, timeout_s=timeout_s, allow_private=allow_private, plain=plain) as sender:
        return results(sender, [ended(url)])[0]


@contextmanager
def listening() -> Iterator[tuple[socket.socket, int]]:
    """A port on every address of this machine that must not be connected to; `accept()` raises BlockingIOError if it was not."""
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        server.setblocking(False)
        yield server, server.getsockname()[1]
