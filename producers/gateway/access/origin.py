"""Where a request comes from: which host it names, which page sent it, and which prefix a reverse proxy removed from its path.

Protects a server without authentication from the pages that a browser has open: another origin can neither submit, cancel nor
read, and a name that an attacker points to this address (DNS rebinding) is not answered. Used by `app.py`, for all but the
probes.
"""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from aiohttp import web

from producers.gateway.access.cors import Cors
from producers.gateway.http.problems import Problem
from runtime.addresses import literal
from runtime.setting_types import listed
from runtime.settings import Settings

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/\\\s]+)(?::(\d{1,5}))?", re.IGNORECASE)
PATH_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
DEFAULT_PORTS = {"http": 80, "https": 443}


class Origins:
    """Pure but for this machine's name, which is read once."""

    def __init__(self, settings: Settings, cors: Cors) -> None:
        self._cors = cors
        self._names = listed(settings.allowed_hosts.lower())
        self._proxies = [ipaddress.ip_network(text, strict=False) for text in listed(settings.trusted_proxies)]
        self._base_path = settings.base_path
        self._any_address = settings.gateway_host in ("0.0.0.0", "::", "")
        self._own_names = {socket.gethostname().lower()} if self._any_address else {settings.gateway_host.lower()}

    def check(self, request: web.BaseRequest) -> None:
        """Raises Problem 421 for a host that is not this server's, 403 for a page of another origin that CORS does not allow."""
        host = self._forwarded(request, "X-Forwarded-Host") or request.headers.get("Host")
        if host is None:  # HTTP/1.0: not a browser
            return
        if len(request.headers.getall("Host", ())) > 1 or not self._is_ours(host, request):
            detail = f"This server does not answer to the host {host[:80]!r}; the operator can add it to MURMUR_ALLOWED_HOSTS."
            raise Problem(421, "unknown_host", detail)
        if not _is_same_origin(request, host) and not self._cors.allows(request):
            raise Problem(403, "cross_origin", "A page of another origin may not use this server.")

    def prefix(self, request: web.BaseRequest) -> str:
        """What precedes this server's paths as the client sees them: empty, or `/` and a path without a slash at its end."""
        forwarded = (self._forwarded(request, "X-Forwarded-Prefix") or "").rstrip("/")
        return forwarded if PATH_PREFIX.fullmatch(forwarded) else self._base_path

    def is_https(self, request: web.BaseRequest) -> bool:
        """Whether the client uses TLS, which a trusted proxy may have ended."""
        return (self._forwarded(request, "X-Forwarded-Proto") or request.scheme) == "https"

    def _is_ours(self, host: str, request: web.BaseRequest) -> bool:
        match = HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].strip("[]").rstrip(".").lower()
        address = literal(name)
        if address is not None:
            # An address cannot be rebound. Another than the connection's own is expected only behind a port mapping.
            return self._any_address or address.is_loopback or str(address) == _own_address(request)
        return name in self._own_names or any(_fits(name, pattern) for pattern in self._names)

    def _forwarded(self, request: web.BaseRequest, header: str) -> str | None:
        """The header, if the request comes from a trusted proxy. Of several values the first, which the client's proxy wrote."""
        value = request.headers.get(header, "").partition(",")[0].strip()
        if not value or not self._proxies or request.remote is None:
            return None
        try:
            peer = ipaddress.ip_address(request.remote)
        except ValueError:  # a Unix socket
            return None
        return value if any(peer in network for network in self._proxies) else None


def _fits(name: str, pattern: str) -> bool:
    """`.example.org` stands for that name and all below it, `*` for any."""
    return pattern in ("*", name) or (pattern.startswith(".") and f".{name}".endswith(pattern))


def _own_address(request: web.BaseRequest) -> str | None:
    own = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return own[0] if isinstance(own, tuple) else None


def _is_same_origin(request: web.BaseRequest, host: str) -> bool:
    """By Sec-Fetch-Site, which no page can set; browsers send it over HTTPS and to loopback. Otherwise by Origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none") or _is_navigation(request)
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    own = _place(f"{origin.partition(':')[0]}://{host}")
    return own is not None and _place(origin) == own


def _is_navigation(request: web.BaseRequest) -> bool:
    """A link that was followed: the page that has it sees nothing of the response."""
    headers = request.headers
    document = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    return document and request.method in ("GET", "HEAD")


def _place(origin: str) -> tuple[str, int] | None:
    """Host and port. The scheme is left out: a proxy may have ended TLS. None for `null` and for what is not an origin."""
    try:
        parts = urlsplit(origin)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.hostname, port) if parts.hostname else None
