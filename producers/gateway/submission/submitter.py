"""Who submits, and under which Idempotency-Key: from the headers of a request."""

from dataclasses import dataclass, replace
from uuid import UUID

from aiohttp import web

from producers.gateway.access.caller import Caller, caller_of
from producers.gateway.http.spans import trace_of
from producers.gateway.submission import idempotency
from schemas.jobs import Idempotency
from schemas.record import TraceContext


@dataclass(frozen=True, slots=True)
class Submitter:
    """Whose job it will be. `key`: the Idempotency-Key; `position`: in the batch."""

    caller: Caller
    key: str | None = None
    batch_id: UUID | None = None
    position: int | None = None
    trace: TraceContext | None = None

    @classmethod
    def of(cls, request: web.Request) -> "Submitter":
        """Raises Problem 400."""
        return cls(caller_of(request), idempotency.key_of(request), trace=trace_of(request))

    @property
    def owner(self) -> str:
        return self.caller.owner

    def at(self, position: int) -> "Submitter":
        return replace(self, position=position)

    def of_batch(self, batch_id: UUID) -> "Submitter":
        return replace(self, batch_id=batch_id)

    def idempotency(self, payload: object) -> Idempotency | None:
        """Of a submission with this payload, a JSON value."""
        return idempotency.of(self.owner, self.key, payload, self.position)
