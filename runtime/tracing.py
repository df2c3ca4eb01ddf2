"""Spans of what murmur does, while tracing is on (docs/tracing.md). Otherwise nothing is recorded and nothing is imported for it.

Switched on once for each process, before its stages are built; they ask for `active()` when they are.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from schemas.record import TraceContext

Kind = Literal["server", "client", "producer", "consumer", "internal"]
Attributes = Mapping[str, str | int]
CLOSE_S = 2.0


class Span(Protocol):
    """From any thread. Nothing in it is of the content of a file: no text, no URL with its query, no key of a user's object."""

    @property
    def context(self) -> TraceContext | None:
        """For the headers of what follows from it. None: tracing has been disabled from outside, and there was no parent."""

    def link(self, trace: TraceContext) -> None:
        """To a span of another trace that it has to do with."""

    def end(self, attributes: Attributes | None = None, *, name: str | None = None, error: str | None = None) -> None:
        """`name`: a better one than at its start. `error`: a short code; then the span counts as failed."""


class Tracer(Protocol):
    """Of one stage."""

    def start(
        self, name: str, kind: Kind, parent: TraceContext | None, attributes: Attributes, links: Sequence[TraceContext] = ()
    ) -> Span:
        """Without a parent a trace begins."""


class Tracing(Protocol):
    def tracer(self, stage: str) -> Tracer: ...

    def close(self) -> None:
        """Exports what has ended; gives up after `CLOSE_S`."""


_active: Tracing | None = None


def active(stage: str) -> Tracer | None:
    """None: tracing is off."""
    return _active.tracer(stage) if _active is not None else None


def switch(tracing: Tracing | None) -> None:
    """On, or off with None. For stages that are built from now on."""
    global _active
    _active = tracing


def close() -> None:
    """At the end of the process. Idempotent."""
    ended = _active
    switch(None)
    if ended is not None:
        ended.close()
