"""The W3C Trace Context in a request's headers. Pure.

Without tracing none is made for a request that has none: nothing could be found under it, and a job has its id.
Specification: https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Sequence
from typing import Protocol

from schemas.record import TraceContext

PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
KEY = r"[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13}"
MEMBER = re.compile(rf"(?:{KEY})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
STATE_MEMBERS_MAX, STATE_LETTERS_MAX = 32, 512
LONG_MEMBER = 128  # letters; members above that are the first to be left out


class Headers(Protocol):
    """The part of a request's headers that is used."""

    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]: ...


def trace_context(headers: Headers) -> TraceContext | None:
    """None if there is none, or it is not valid; then `tracestate` means nothing."""
    parents = headers.getall("traceparent", ())
    if len(parents) != 1 or (parent := _parent(parents[0].strip())) is None:
        return None
    return TraceContext(traceparent=parent, tracestate=_state(",".join(headers.getall("tracestate", ()))))


def _parent(text: str) -> str | None:
    """As version 00, which is all that is understood of a later one."""
    found = PARENT.fullmatch(text)
    if found is None:
        return None
    version, trace_id, parent_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(parent_id, 16):
        return None
    return f"00-{trace_id}-{parent_id}-{flags}"


def _state(text: str) -> str | None:
    """None for a list that is not well-formed: it is left out as a whole. From one that is too long members are left out, long
    ones first, then from its end."""
    members = [member.strip(" \t") for member in text.split(",")]
    members = [member for member in members if member]
    keys = [member.partition("=")[0] for member in members]
    if len(members) > STATE_MEMBERS_MAX or len(set(keys)) < len(keys) or not all(map(MEMBER.fullmatch, members)):
        return None
    if len(",".join(members)) > STATE_LETTERS_MAX:
        members = [member for member in members if len(member) <= LONG_MEMBER]
    while len(",".join(members)) > STATE_LETTERS_MAX:
        members.pop()
    return ",".join(members) or None
