"""Webhooks: registered endpoints, the deliveries to them and to the `webhook_url` of jobs, and the log of their attempts.

The gateway writes endpoints, the webhook sink their states: two topics, so that neither overwrites what the other has written.
"""

from typing import ClassVar, Literal, Self

from pydantic import Field

from schemas.jobs import JobChanged
from schemas.record import Record, Time, Trace, TraceContext, Value

EndReason = Literal["gone", "failing"]
DeliveryState = Literal["pending", "delivered", "given_up"]


class WebhookSecret(Value):
    """A key that signs: `whsec_…` (HMAC-SHA256) or `whsk_…` (ed25519). During a rotation an endpoint has several."""

    secret: str = Field(repr=False)
    created_at: Time
    valid_until: Time | None = Field(None, description="None: until it is replaced")


class WebhookEndpointState(Record):
    """`webhook-endpoint-states`: how deliveries to an endpoint fare. Written by the sink only, at each change.

    The endpoint is disabled if `disabled_at` is set and `enabled_at` is that of the endpoint's record."""

    TYPE: ClassVar[str] = "webhook.endpoint-state"

    endpoint_id: str
    enabled_at: Time = Field(description="of the endpoint's record that this is about")
    failing_since: Time | None = Field(None, description="the first failure since the last success; None: no failure since then")
    failed_at: Time | None = Field(
        None, description="the last failure but those of the next hours", exclude_if=lambda failed_at: failed_at is None
    )
    steady_since: Time | None = Field(
        None,
        description="the first failure since the last success or the last days without a failure",
        exclude_if=lambda steady_since: steady_since is None,
    )
    disabled_at: Time | None = None
    reason: EndReason | None = Field(
        None, description="why it was disabled: it answered 410, or it had failed for MURMUR_WEBHOOK_DISABLE_AFTER_S"
    )
    changed_at: Time

    @property
    def event_id(self) -> str:
        return f"{self.endpoint_id}:state:{self.changed_at.isoformat()}"

    @property
    def subject(self) -> str:
        return self.endpoint_id


class WebhookEndpoint(Record):
    """`webhook-endpoints`: a registered receiver. Written by the gateway only; a tombstone: the endpoint was deleted."""

    TYPE: ClassVar[str] = "webhook.endpoint"

    endpoint_id: str
    owner: str
    url: str = Field(repr=False)
    description: str = ""
    secrets: tuple[WebhookSecret, ...] = Field(min_length=1, description="every valid one signs each message")
    events: tuple[str, ...] = Field((), description="the types of events that are sent; none: those of jobs that have ended")
    enabled: bool = True
    disabled_at: Time | None = Field(
        None, description="of an endpoint that its owner has disabled", exclude_if=lambda disabled_at: disabled_at is None
    )
    enabled_at: Time = Field(description="when it was enabled last, at first: created. States of an earlier time no longer count")
    events_at: Time | None = Field(
        None, description="when `events` were changed; None: never", exclude_if=lambda events_at: events_at is None
    )
    created_at: Time
    changed_at: Time

    @property
    def receives_since(self) -> Time:
        """Events of an earlier time are only sent to it when somebody requests that."""
        return max(self.enabled_at, self.events_at or self.enabled_at)

    @property
    def event_id(self) -> str:
        return f"{self.endpoint_id}:{self.changed_at.isoformat()}"

    @property
    def subject(self) -> str:
        return self.endpoint_id

    def is_enabled(self, state: WebhookEndpointState | None) -> bool:
        """`state`: the newest of this endpoint. It says nothing about an endpoint that was enabled again after it."""
        is_disabled = state is not None and state.disabled_at is not None and state.enabled_at == self.enabled_at
        return self.enabled and not is_disabled

    def secrets_at(self, now: Time) -> tuple[str, ...]:
        """Those that sign then, the newest first."""
        return tuple(secret.secret for secret in self.valid_secrets(now))

    def valid_secrets(self, now: Time) -> tuple[WebhookSecret, ...]:
        """The newest first."""
        valid = [secret for secret in self.secrets if secret.valid_until is None or secret.valid_until > now]
        return tuple(sorted(valid, key=lambda secret: secret.created_at, reverse=True))


class JobProgress(Value):
    """How far a job is, as its status shows it."""

    fraction: float = Field(ge=0, le=1, description="of the speech that is done")
    processed_s: float | None = Field(None, description="seconds of audio; None while the length is not known")
    total_s: float | None = Field(None, description="length of the audio, as far as it is known")
    eta_s: float | None = Field(None, description="seconds until the end at the speed so far; None while that is not known")


class WebhookDelivery(Record):
    """`webhook-deliveries` and `webhook-retries.N`: an attempt to be made, from `due_at` on.

    A message is the same for all its recipients: `webhook_id` names it, and `job` or `data` has what its body is made from. The
    recipient is a registered endpoint or `url`, the `webhook_url` of the job.
    """

    TYPE: ClassVar[str] = "webhook.delivery"

    webhook_id: str
    type: str = Field(description="of the event, such as transcription.completed")
    owner: str
    created_at: Time = Field(description="when the event happened: the time in the body")
    job: JobChanged | None = None
    data: dict[str, str | int | float | bool | None] | None = Field(
        None, description="of events that are not about a job", exclude_if=lambda data: data is None
    )
    progress: JobProgress | None = Field(
        None, description="of transcription.progress", exclude_if=lambda progress: progress is None
    )
    endpoint_id: str | None = None
    url: str | None = Field(None, repr=False)
    attempt: int = Field(1, ge=1)
    due_at: Time
    requeue_at: Time | None = Field(
        None,
        description="when it is written again, if that is before due_at: it does not hold up those behind it for longer",
        exclude_if=lambda requeue_at: requeue_at is None,
    )
    first_attempt_at: Time | None = None
    postponed: int = Field(
        0, ge=0, description="how often in a row the attempt was put off, because the receiver keeps failing or is too slow"
    )
    requested_at: Time | None = Field(
        None, description="when a resend was asked for: it is sent although it may have been delivered before"
    )
    trace: Trace = None

    def next_attempt(self, due_at: Time, attempted_at: Time) -> Self:
        """After one that failed at `attempted_at`."""
        first_attempt_at = self.first_attempt_at or attempted_at
        changes = {"attempt": self.attempt + 1, "due_at": due_at, "first_attempt_at": first_attempt_at, "postponed": 0}
        return self.model_copy(update=changes)

    def postponed_until(self, due_at: Time) -> Self:
        """The same attempt, later."""
        return self.model_copy(update={"due_at": due_at, "postponed": self.postponed + 1})

    def requeued(self, requeue_at: Time | None) -> Self:
        """The same, to be looked at then. None: not before it is due."""
        return self.model_copy(update={"requeue_at": requeue_at})

    @property
    def wakes_at(self) -> Time:
        """When something is to be done about it."""
        return self.due_at if self.requeue_at is None else min(self.due_at, self.requeue_at)

    @property
    def job_id(self) -> str | None:
        return str(self.job.job.job_id) if self.job is not None else None

    @property
    def recipient(self) -> str:
        """The key of its records: the endpoint, or the message where the URL is the job's own."""
        return self.endpoint_id or self.webhook_id

    @property
    def event_id(self) -> str:
        again = f":{self.requested_at.isoformat()}" if self.requested_at else ""
        return f"{self.webhook_id}:{self.endpoint_id or 'job'}:{self.attempt}:due{again}"

    @property
    def subject(self) -> str:
        return self.webhook_id

    @property
    def trace_context(self) -> TraceContext | None:
        return self.trace


class WebhookAttempted(Record):
    """`webhook-attempts`: the delivery log, a row for each attempt. It has neither URL nor body; `host` is that of the URL."""

    TYPE: ClassVar[str] = "webhook.attempted"

    webhook_id: str
    type: str
    owner: str
    job_id: str | None = None
    endpoint_id: str | None = Field(None, description="None: the recipient is the job's `webhook_url`")
    host: str
    attempt: int = Field(ge=1)
    first_attempt_at: Time
    attempted_at: Time
    took_s: float = Field(ge=0)
    outcome: str = Field(description="delivered, or why not: one of those in docs/webhooks.md")
    status_code: int | None = None
    detail: str = Field("", description="the outcome for people")
    response: str = Field("", description="the beginning of what the receiver answered")
    state: DeliveryState
    next_attempt_at: Time | None = Field(None, description="of a delivery that is pending")
    requested_at: Time | None = Field(None, description="of a resend")
    trace: Trace = None

    @property
    def event_id(self) -> str:
        again = f":{self.requested_at.isoformat()}" if self.requested_at else ""
        return f"{self.webhook_id}:{self.endpoint_id or 'job'}:{self.attempt}{again}"

    @property
    def subject(self) -> str:
        return self.webhook_id

    @property
    def trace_context(self) -> TraceContext | None:
        return self.trace
