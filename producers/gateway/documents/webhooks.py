"""What is said about registered webhook endpoints and the deliveries to them."""

from typing import Literal

from pydantic import AwareDatetime, Field

from producers.gateway.documents.document import Document
from runtime.webhook_events import EventType

Signature = Literal["hmac", "ed25519"]
DeliveryStateName = Literal["pending", "delivered", "failed"]


class EndpointKey(Document):
    """A key that signs, without the key itself."""

    created_at: AwareDatetime
    valid_until: AwareDatetime | None = Field(description="null: until the next rotation")
    public_key: str | None = Field(description="whpk_…, with which signatures are verified; null: the secret is shared")


class Endpoint(Document):
    """A registered endpoint."""

    endpoint_id: str
    owner: str
    url: str
    description: str
    events: tuple[EventType, ...]
    signature: Signature
    keys: tuple[EndpointKey, ...] = Field(description="those that sign now, the newest first; two or more while they are rotated")
    enabled: bool
    disabled_reason: Literal["requested", "gone", "failing"] | None = Field(
        description="gone: it answered 410; failing: no delivery succeeded for days"
    )
    disabled_at: AwareDatetime | None
    failing_since: AwareDatetime | None = Field(description="the first failure since the last success")
    created_at: AwareDatetime
    changed_at: AwareDatetime


class EndpointWithSecret(Endpoint):
    """An endpoint with its new secret, which is shown only now."""

    secret: str | None = Field(description="whsec_…; null: the key is ed25519, and its public key is in `keys`")


class EndpointList(Document):
    """Registered endpoints, oldest first."""

    endpoints: tuple[Endpoint, ...]
    next_cursor: str | None = Field(description="null at the end of the list")


class EndpointDeleted(Document):
    """An endpoint that is no longer there."""

    success: Literal[True]
    endpoint_id: str
    message: str


class DeliveryAttempt(Document):
    """One attempt to deliver."""

    webhook_id: str
    type: str
    owner: str
    task_id: str | None = Field(description="null: the event is about no job")
    endpoint_id: str | None = Field(description="null: it went to the job's webhook_url")
    host: str = Field(description="host and port of the URL")
    attempt: int
    state: DeliveryStateName = Field(description="of the delivery after this attempt; pending: there will be another one")
    outcome: str
    status_code: int | None = Field(description="null: no response")
    detail: str
    response: str = Field(description="the beginning of the response's body")
    took_s: float
    first_attempt_at: AwareDatetime
    attempted_at: AwareDatetime
    next_attempt_at: AwareDatetime | None
    resend_requested_at: AwareDatetime | None = Field(description="null: sent by itself")


class DeliveryLog(Document):
    """Attempts, newest first."""

    attempts: tuple[DeliveryAttempt, ...]
    next_cursor: str | None = Field(description="null at the end of the log")


class TestResult(Document):
    """What came of a `webhook.test`."""

    __test__ = False

    delivered: bool
    attempt: DeliveryAttempt


class Resent(Document):
    """Deliveries that were requested."""

    success: Literal[True]
    count: int
    next_since: AwareDatetime | None = Field(description="there are more: request them from this time on; null: these were all")
    message: str
