"""The registered endpoints, and how deliveries to them fare: read from their two topics, in a thread of its own.

The sink writes states: when an endpoint begins to fail, when it no longer does, and when it is disabled. An endpoint has all its
deliveries in one partition at a time, so one sink writes about it.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from runtime.kafka.client import Kafka
from runtime.kafka.follower import Follower
from runtime.kafka.follower_thread import FollowerThread
from runtime.kafka.messages import Received
from runtime.kafka.wakeup import Wakeup
from runtime.webhook_events import PROGRESS
from schemas.topics import WEBHOOK_ENDPOINT_STATES, WEBHOOK_ENDPOINTS
from schemas.webhooks import WebhookEndpoint, WebhookEndpointState

TOPICS = (WEBHOOK_ENDPOINTS, WEBHOOK_ENDPOINT_STATES)
QUIET = timedelta(days=2)  # longer than the longest delay between attempts; after so long without a failure the time begins anew
NOTED_EACH = timedelta(hours=12)  # a failure has a record of its own only so long after the one before


class Endpoints:
    """From any thread."""

    def __init__(self) -> None:
        self._endpoints: dict[str, WebhookEndpoint] = {}
        self._of_owner: dict[str, dict[str, WebhookEndpoint]] = {}
        self._states: dict[str, WebhookEndpointState] = {}
        self._for_progress: set[str] = set()
        self._lock = threading.Lock()

    @property
    def want_progress(self) -> bool:
        """Whether one of them is to receive events about the progress of jobs."""
        return bool(self._for_progress)

    def get(self, endpoint_id: str) -> WebhookEndpoint | None:
        with self._lock:
            return self._endpoints.get(endpoint_id)

    def state(self, endpoint: WebhookEndpoint) -> WebhookEndpointState | None:
        """None also where the newest is of the time before the endpoint was enabled again."""
        with self._lock:
            state = self._states.get(endpoint.endpoint_id)
            return state if state is not None and state.enabled_at == endpoint.enabled_at else None

    def is_enabled(self, endpoint: WebhookEndpoint) -> bool:
        return endpoint.is_enabled(self.state(endpoint))

    def enabled_of(self, owner: str) -> list[WebhookEndpoint]:
        with self._lock:
            found = list(self._of_owner.get(owner, {}).values())
        return [endpoint for endpoint in found if self.is_enabled(endpoint)]

    def put(self, endpoint: WebhookEndpoint) -> None:
        with self._lock:
            self._endpoints[endpoint.endpoint_id] = endpoint
            self._of_owner.setdefault(endpoint.owner, {})[endpoint.endpoint_id] = endpoint
            wants_progress = endpoint.enabled and PROGRESS in endpoint.events
            (self._for_progress.add if wants_progress else self._for_progress.discard)(endpoint.endpoint_id)

    def remove(self, endpoint_id: str) -> None:
        with self._lock:
            if endpoint := self._endpoints.pop(endpoint_id, None):
                self._of_owner[endpoint.owner].pop(endpoint_id, None)
            self._states.pop(endpoint_id, None)
            self._for_progress.discard(endpoint_id)

    def put_state(self, state: WebhookEndpointState) -> None:
        """Unless a newer one is there: what this process has written comes back from the topic later."""
        with self._lock:
            there = self._states.get(state.endpoint_id)
            if there is None or there.changed_at <= state.changed_at:
                self._states[state.endpoint_id] = state


@dataclass(frozen=True, slots=True)
class Health:
    """What the result of an attempt means for its endpoint. `disable_after_s`: of failures without a success or a long pause in
    between: that one failed a week ago and another fails now says little."""

    endpoints: Endpoints
    disable_after_s: float

    def after(self, endpoint: WebhookEndpoint, outcome: str, at: datetime) -> WebhookEndpointState | None:
        """The new state, which is in force at once; None: unchanged."""
        there = self.endpoints.state(endpoint)
        state = self._next(endpoint, there, outcome, at)
        if state is not None:
            self.endpoints.put_state(state)
        return state

    def _next(
        self, endpoint: WebhookEndpoint, there: WebhookEndpointState | None, outcome: str, at: datetime
    ) -> WebhookEndpointState | None:
        if there is not None and there.disabled_at is not None:
            return None
        known = there if there is not None and there.failing_since is not None else None
        state = WebhookEndpointState(endpoint_id=endpoint.endpoint_id, enabled_at=endpoint.enabled_at, changed_at=at)
        if outcome == "delivered":
            return state if known is not None else None
        failing = _failing(state, known)
        if outcome == "gone":
            return failing.model_copy(update={"disabled_at": at, "reason": "gone"})
        if at - (failing.steady_since or at) >= timedelta(seconds=self.disable_after_s):
            return failing.model_copy(update={"disabled_at": at, "reason": "failing"})
        is_noted = known is not None and known.failed_at is not None and at - known.failed_at < NOTED_EACH
        return None if is_noted else failing


def _failing(state: WebhookEndpointState, known: WebhookEndpointState | None) -> WebhookEndpointState:
    """After another failure at that time. `known`: None if there was none since the last success."""
    at = state.changed_at
    first = at if known is None else known.failing_since or at
    steady = first if known is None else known.steady_since or first
    last = at if known is None else known.failed_at or first
    steady = at if at - last > QUIET else steady
    return state.model_copy(update={"failing_since": first, "failed_at": at, "steady_since": steady})


class EndpointsFeed:
    """Keeps `endpoints` up to date from `start()` on. `is_current`: whether it has read what was there at the start."""

    def __init__(self, kafka: Kafka, endpoints: Endpoints, wakeup: Wakeup) -> None:
        """`wakeup` is set when it has become current."""
        self._endpoints = endpoints
        self._wakeup = wakeup
        self._started = False
        self._current = threading.Event()
        self._thread = FollowerThread("webhooks-endpoints", kafka, TOPICS, self._take)

    @property
    def is_current(self) -> bool:
        return self._current.is_set()

    def start(self) -> None:
        """Idempotent."""
        if not self._started:
            self._started = True
            self._thread.start()

    def check(self) -> None:
        """Raises what ended the thread: UsageError when a topic is missing."""
        self._thread.check()

    def close(self) -> None:
        self._thread.stop()

    def _take(self, follower: Follower, records: Sequence[Received]) -> None:
        self._apply(records)
        if not self.is_current and follower.reached(follower.end_offsets()):
            self._current.set()
            self._wakeup.set()

    def _apply(self, records: Iterable[Received]) -> None:
        for record in records:
            if isinstance(record.event, WebhookEndpoint):
                self._endpoints.put(record.event)
            elif isinstance(record.event, WebhookEndpointState):
                self._endpoints.put_state(record.event)
            elif record.value is None and record.topic == WEBHOOK_ENDPOINTS.name and record.key is not None:
                self._endpoints.remove(record.key.decode())
