"""The URLs that a webhook can be sent to.

Shared by the webhook sink, which sends, and the gateway, which refuses what could never be sent.
"""

import re
from urllib.parse import urlsplit

from yarl import URL

from runtime.reachable import Reachable


def url_problem(url: str) -> str | None:
    """Why no webhook can go to this URL, whatever it resolves to: what follows "it". None when one might."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # an invalid port, unbalanced brackets
        return f"is not a URL: {error}"
    if parts.scheme not in ("http", "https"):
        return "is not an http or https URL"
    if not host or port == 0:
        return "names no host and port"
    if "@" in parts.netloc:
        return "contains a user or a password"
    return None


def door_problem(url: str, reachable: Reachable) -> str | None:
    """Why a webhook cannot be sent there, as far as the URL says it: what a person is answered who gives it."""
    if problem := url_problem(url) or reachable.problem(url):
        return problem
    if re.search(r"[\s\x00-\x20\x7f\\]", url):
        return "has blanks, control characters or backslashes"
    return None


def host_of(url: str) -> str:
    """Host and port, which may be shown and logged: the rest may contain a secret."""
    try:
        parsed = URL(url)
        return f"{parsed.raw_host}:{parsed.port}" if parsed.raw_host else "-"
    except ValueError:
        return "-"
