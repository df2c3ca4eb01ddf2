"""Registered webhook endpoints and the delivery log, in the view's file.

Fed by the view from `webhook-endpoints`, `webhook-endpoint-states` and `webhook-attempts`; read by `/api/webhooks`
and by the status of a job. `murmur dev` fills its next broker with the registered endpoints.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from producers.gateway.view.database import Database
from producers.gateway.view.webhook_filter import OF_THE_JOB, AttemptFilter, AttemptPlace
from producers.gateway.view.webhook_layout import (
    ATTEMPT,
    ENDED_SINCE,
    ENDPOINT,
    LAST_ATTEMPTS,
    OF_JOB,
    RESEND,
    RESEND_ENDED,
    STATE,
)
from runtime.kafka.messages import Received
from runtime.webhook_events import OF_STATE
from schemas.jobs import TERMINAL, JobChanged
from schemas.topics import WEBHOOK_ATTEMPTS, WEBHOOK_ENDPOINT_STATES, WEBHOOK_ENDPOINTS
from schemas.webhooks import WebhookAttempted, WebhookDelivery, WebhookEndpoint, WebhookEndpointState

TOPICS = (WEBHOOK_ENDPOINTS, WEBHOOK_ENDPOINT_STATES, WEBHOOK_ATTEMPTS)
NAMES = tuple(topic.name for topic in TOPICS)
KEPT_S = WEBHOOK_ATTEMPTS.retention_ms / 1000
EndpointPlace = tuple[float, str]  # in the list: when it was created, and its id
FIRST: EndpointPlace = (0.0, "")
ALL_MAX = -1  # SQLite's
SHOWN_MAX = 100  # recipients of a job in its status


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint, and what the webhook sink says of it."""

    endpoint: WebhookEndpoint
    state: WebhookEndpointState | None = None

    @property
    def current_state(self) -> WebhookEndpointState | None:
        """None if the sink has said nothing since the endpoint was enabled last."""
        return self.state if self.state is not None and self.state.enabled_at == self.endpoint.enabled_at else None

    @property
    def place(self) -> EndpointPlace:
        return self.endpoint.created_at.timestamp(), self.endpoint.endpoint_id

    @property
    def is_enabled(self) -> bool:
        return self.endpoint.is_enabled(self.state)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Of one message to one recipient. `last`: the newest."""

    last: WebhookAttempted
    count: int
    is_delivered: bool


class WebhookBook:
    """Reads are safe from any thread; they raise ViewUnavailable. `apply()` and `settled()` are parts of the view's writes."""

    def __init__(self, file: Database) -> None:
        self._file = file

    def apply(self, sql: sqlite3.Connection, record: Received, cluster: int) -> set[str]:
        """The ids of what has changed: endpoints, messages, and jobs whose deliveries those are. Of another topic: none."""
        event, raw = record.event, record.value or b""
        if isinstance(event, WebhookEndpoint):
            row = (event.endpoint_id, event.owner, event.created_at.timestamp(), cluster, raw)
            sql.execute(ENDPOINT, row)
            return {event.endpoint_id}
        if isinstance(event, WebhookEndpointState):
            sql.execute(STATE, (event.endpoint_id, cluster, raw))
            return {event.endpoint_id}
        if isinstance(event, WebhookAttempted):
            self._attempted(sql, event, raw, cluster)
            return {event.webhook_id, *([event.job_id] if event.job_id is not None else [])}
        if record.topic in NAMES and record.key and record.value is None:
            return self._deleted(sql, record.topic, record.key.decode(errors="replace"))
        return set()

    def settled(self, sql: sqlite3.Connection, cluster: int) -> None:
        """Drops what only another cluster had."""
        sql.execute("DELETE FROM webhook_endpoints WHERE seen < ?", (cluster,))
        sql.execute("DELETE FROM webhook_attempts WHERE seen < ?", (cluster,))

    def endpoint(self, endpoint_id: str) -> EndpointView | None:
        query = "SELECT endpoint, state FROM webhook_endpoints WHERE endpoint_id = ? AND endpoint IS NOT NULL"
        rows = self._file.read(query, endpoint_id)
        return self._endpoint_view(*rows[0]) if rows else None

    def endpoints(self, owner: str | None = None, limit: int = ALL_MAX, after: EndpointPlace | None = None) -> list[EndpointView]:
        """Of one owner, or of any, oldest first; `after`: those that follow this place in the list."""
        query = """SELECT endpoint, state FROM webhook_endpoints INDEXED BY webhook_endpoints_listed
            WHERE endpoint IS NOT NULL AND coalesce(? = owner, 1) AND (created_s, endpoint_id) > (?, ?)
            ORDER BY created_s, endpoint_id LIMIT ?"""
        return [self._endpoint_view(*row) for row in self._file.scan(query, owner, *(after or FIRST), limit)]

    def attempts(self, limit: int, which: AttemptFilter, after: AttemptPlace | None = None) -> list[WebhookAttempted]:
        """The newest first; `after`: those that follow this place in the log."""
        query, values = which.query(limit, after)
        return [self._decoded(row[0]) for row in self._file.scan(query, *values)]

    def last_attempt(self, webhook_id: str, recipient: str) -> WebhookAttempted | None:
        query = """SELECT record FROM webhook_attempts WHERE webhook_id = ? AND recipient = ?
            ORDER BY attempted_s DESC, attempt_id DESC LIMIT 1"""
        rows = self._file.read(query, webhook_id, recipient)
        return self._decoded(rows[0][0]) if rows else None

    def last_attempts(self, since: datetime) -> dict[tuple[str, str | None], WebhookAttempted | None]:
        """By message and endpoint (None: the job's own URL), of those with an attempt since then; the attempt itself only where
        there will be another."""
        return {
            (webhook_id, None if recipient == OF_THE_JOB else recipient): self._decoded(record) if record is not None else None
            for webhook_id, recipient, record, _ in self._file.scan(LAST_ATTEMPTS, since.timestamp())
        }

    def of_job(self, job_id: str) -> list[Attempts]:
        """Of each message about the job to each of its recipients, in the order of their first attempts."""
        rows = self._file.read(OF_JOB, job_id, SHOWN_MAX)
        found = [Attempts(self._decoded(record), count, bool(delivered)) for record, count, delivered, _ in rows]
        return sorted(found, key=lambda attempts: attempts.last.first_attempt_at)

    def ended_since(
        self, endpoint: WebhookEndpoint, events: Sequence[str], span: tuple[datetime, datetime], limit: int, *, delivered: bool
    ) -> list[JobChanged]:
        """Jobs of the endpoint's owner that ended within `span`, in the order of their ends, and whose end is one of `events`.
        `delivered`: also those that were delivered to it."""
        types = {OF_STATE[state]: state for state in TERMINAL if OF_STATE[state] in events}
        if not types:
            return []
        query = ENDED_SINCE.format(states=", ".join("?" * len(types)), types=", ".join("?" * len(types)))
        since_s, until_s = (time.timestamp() for time in span)
        rows = self._file.scan(
            query, endpoint.owner, since_s, until_s, *types.values(), delivered, endpoint.endpoint_id, *types.keys(), limit
        )
        return [self._file.decoded(JobChanged, row[0]) for row in rows]

    def resend(self, sql: sqlite3.Connection, deliveries: Iterable[WebhookDelivery]) -> None:
        """Remembers what was to be sent again until that is settled, not longer than the log. Part of the view's writes."""
        for each in deliveries:
            if (at := each.requested_at) is not None:
                names = dict(zip(("webhook_id", "recipient"), _key(each), strict=True))
                sql.execute(RESEND, {**names, "requested_at": at.isoformat(), "requested_s": at.timestamp()})
        sql.execute("DELETE FROM webhook_resends WHERE requested_s < ?", (datetime.now(UTC).timestamp() - KEPT_S,))

    def resends(self) -> dict[tuple[str, str | None], datetime]:
        """When it was requested, by message and endpoint (None: the job's own URL), of what is not settled."""
        rows = self._file.read("SELECT webhook_id, recipient, requested_at FROM webhook_resends")
        return {(name, None if to == OF_THE_JOB else to): datetime.fromisoformat(at) for name, to, at in rows}

    def registered(self) -> Iterator[tuple[WebhookEndpoint, WebhookEndpointState | None]]:
        """All endpoints, for a broker that begins empty."""
        for view in self.endpoints():
            yield view.endpoint, view.state

    def _attempted(self, sql: sqlite3.Connection, event: WebhookAttempted, raw: bytes, cluster: int) -> None:
        """Also drops what is older than the topic keeps: `murmur dev` has no other log than this."""
        attempted_s = event.attempted_at.timestamp()
        row = (event.event_id, attempted_s, event.owner, *_key(event), event.job_id, event.type, event.state)
        sql.execute(ATTEMPT, (*row, cluster, raw))
        if event.requested_at is not None and event.state != "pending":
            sql.execute(RESEND_ENDED, (*_key(event), event.requested_at.timestamp()))
        sql.execute("DELETE FROM webhook_attempts WHERE attempted_s < ?", (attempted_s - KEPT_S,))

    def _deleted(self, sql: sqlite3.Connection, topic: str, endpoint_id: str) -> set[str]:
        """A tombstone."""
        if topic == WEBHOOK_ENDPOINTS.name:
            sql.execute("DELETE FROM webhook_endpoints WHERE endpoint_id = ?", (endpoint_id,))
        return {endpoint_id}

    def _endpoint_view(self, endpoint: bytes, state: bytes | None) -> EndpointView:
        known = self._file.decoded(WebhookEndpointState, state) if state is not None else None
        return EndpointView(self._file.decoded(WebhookEndpoint, endpoint), known)

    def _decoded(self, record: bytes) -> WebhookAttempted:
        return self._file.decoded(WebhookAttempted, record)


def _key(of: WebhookAttempted | WebhookDelivery) -> tuple[str, str]:
    """Message and recipient."""
    return of.webhook_id, of.endpoint_id or OF_THE_JOB
