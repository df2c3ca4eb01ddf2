"""All connections to this gateway: how many there may be, in all and of one client, and which one makes room for another.

Only connections that wait for a request are closed to make room: whoever holds many open without asking for anything delays
nobody. How slow one may be is checked in `connection.py`.
"""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Collection
from typing import Protocol

from producers.gateway.http.file_limit import connections_for
from producers.gateway.http.problems import Problem
from runtime import metrics
from runtime.logs import get_logger
from runtime.setting_types import listed
from runtime.settings import Settings

log = get_logger(__name__)
CHECK_S = 5.0
CHECKED_AT_ONCE = 500  # then other tasks have their turn
LOG_S = 10.0  # refusals are logged once in this time
LINGERING_MAX = 256  # refused connections that are open until the client has read why
IPV6_CLIENT_BITS = 64  # one client has at least that many addresses
RETRY_S = 5.0
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Member(Protocol):
    """What is needed of a connection. `client`: see `Connections.client_of`."""

    client: str | None

    def check(self, now_s: float) -> None: ...

    def abort(self) -> None: ...


class Connections:
    """For one event loop. `most`: in all; `most_of_one`: of one client, 0 for no limit of its own. `exempt`: networks of reverse
    proxies, whose connections are those of many clients."""

    def __init__(self, most: int, most_of_one: int, exempt: Collection[Network] = ()) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._exempt = exempt
        self._open: dict[Member, None] = {}
        self._waiting: OrderedDict[Member, None] = OrderedDict()  # for a request; the longest first
        self._of_client: dict[str, OrderedDict[Member, None]] = {}
        self._lingering: set[Member] = set()
        self._logged_s = -LOG_S
        self._refused = 0

    @classmethod
    def of(cls, settings: Settings) -> "Connections":
        """As many as the limit of open files leaves room for; only a configured number is missed."""
        most = connections_for(settings.gateway_connections)
        if most < settings.gateway_connections and "gateway_connections" in settings.model_fields_set:
            log.warning("connections.limited", connections=most, hint="raise the limit of open files (ulimit -n)")
        proxies = [ipaddress.ip_network(text, strict=False) for text in listed(settings.trusted_proxies)]
        return cls(most, settings.gateway_connections_per_client, proxies)

    def client_of(self, address: str) -> str | None:
        """What counts as one client: an IPv4 address, an IPv6 network. None: no limit of its own, since it may be a proxy. That
        is loopback, too."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:  # a Unix socket
            return None
        if isinstance(ip, ipaddress.IPv6Address):
            ip = ip.ipv4_mapped or ip
        if ip.is_loopback or any(ip in network for network in self._exempt):
            return None
        return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, IPV6_CLIENT_BITS), strict=False))

    def admit(self, member: Member) -> Problem | None:
        """Adds a new connection, which waits for its first request; another one that waits may be aborted for it. Otherwise
        returns why not."""
        if self._is_full(member.client) and not self._make_room(member.client):
            self._log_refusal()
            detail = "There are too many connections to this server, or from this address."
            return Problem(503, "too_many_connections", detail, after_s=RETRY_S)
        self._open[member] = None
        if member.client is not None:
            self._of_client.setdefault(member.client, OrderedDict())[member] = None
        metrics.HTTP_CONNECTIONS.set(len(self._open))
        self.waits(member)
        return None

    def waits(self, member: Member) -> None:
        """It has no request."""
        if member in self._open:
            self._waiting[member] = None

    def works(self, member: Member) -> None:
        """It has a request."""
        self._waiting.pop(member, None)

    def left(self, member: Member) -> None:
        """It is closed. Safe to repeat."""
        self._lingering.discard(member)
        self._waiting.pop(member, None)
        if self._open.pop(member, member) is None:
            metrics.HTTP_CONNECTIONS.set(len(self._open))
        if member.client is not None and (own := self._of_client.get(member.client)) is not None:
            own.pop(member, None)
            if not own:
                del self._of_client[member.client]

    def linger(self, member: Member) -> bool:
        """Whether a refused connection may stay open until its client has read why."""
        if len(self._lingering) >= LINGERING_MAX:
            return False
        self._lingering.add(member)
        return True

    async def watch(self) -> None:
        """Checks the progress of all, until it is cancelled."""
        while True:
            await asyncio.sleep(CHECK_S)
            for number, member in enumerate([*self._open, *self._lingering]):
                if number % CHECKED_AT_ONCE == CHECKED_AT_ONCE - 1:
                    await asyncio.sleep(0)
                member.check(time.monotonic())

    def _is_full(self, client: str | None) -> bool:
        own = len(self._of_client.get(client, ())) if client is not None else 0
        return len(self._open) >= self._most or bool(self._most_of_one and own >= self._most_of_one)

    def _make_room(self, client: str | None) -> bool:
        """Aborts the connection that has waited longest: the client's own, where it has too many."""
        own = self._of_client.get(client, ()) if client is not None else ()
        candidates = own if self._most_of_one and len(own) >= self._most_of_one else self._waiting
        found = next((member for member in candidates if member in self._waiting), None)
        if found is None:
            return False
        metrics.HTTP_CONNECTIONS_ABORTED.labels("replaced").inc()
        self.left(found)
        found.abort()
        return True

    def _log_refusal(self) -> None:
        metrics.HTTP_CONNECTIONS_ABORTED.labels("too_many").inc()
        self._refused += 1
        now_s = time.monotonic()
        if now_s - self._logged_s >= LOG_S:
            log.warning("connections.refused", connections=self._refused)
            self._logged_s, self._refused = now_s, 0
