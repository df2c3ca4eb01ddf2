"""Events about an endpoint, for other endpoints of its owner: that it was disabled because of its failures. Pure.

Derived from the endpoint's state, with its id: `murmur dev` derives them again after a restart.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from runtime.webhook_events import ENDPOINT_DISABLED
from schemas.webhooks import WebhookDelivery, WebhookEndpoint, WebhookEndpointState


def disabled(state: WebhookEndpointState, others: Iterable[WebhookEndpoint], due_at: datetime) -> Iterator[WebhookDelivery]:
    """`state`: with which the endpoint was disabled. `others`: enabled ones of the same owner."""
    at, since = state.changed_at, state.failing_since
    for other in others:
        if ENDPOINT_DISABLED in other.events:
            yield WebhookDelivery(
                webhook_id=f"msg_{state.endpoint_id}_disabled_{at:%Y%m%dT%H%M%S%f}",
                type=ENDPOINT_DISABLED,
                owner=other.owner,
                created_at=at,
                data={
                    "endpoint_id": state.endpoint_id,
                    "reason": state.reason or "",
                    "failing_since": since.isoformat() if since is not None else None,
                },
                endpoint_id=other.endpoint_id,
                due_at=due_at,
            )
