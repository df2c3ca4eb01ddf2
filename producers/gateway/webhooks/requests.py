"""The bodies of requests about registered endpoints: validated by models that `/openapi.json` describes."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from producers.gateway.documents.webhooks import Signature
from producers.gateway.http.paging import Time
from producers.gateway.http.problems import Problem
from producers.gateway.submission.options import URL_MAX
from runtime.signing import BadKey, Signer
from runtime.webhook_events import EventType

OVERLAP_S, OVERLAP_MAX_S = 24 * 3600, 30 * 24 * 3600
SECRET_MAX = 200  # characters


def _secret(text: str | None) -> str | None:
    """A shared secret: private keys are made by the gateway and never leave it."""
    if text is not None:
        try:
            Signer(text)
        except BadKey as error:
            raise ValueError(str(error)) from error
        if not text.startswith("whsec_"):
            raise ValueError("a private key cannot be given: with `signature` ed25519 one is made")
    return text


Secret = Annotated[str | None, Field(max_length=SECRET_MAX), AfterValidator(_secret)]
Url = Annotated[str, Field(min_length=1, max_length=URL_MAX)]
Description = Annotated[str, Field(max_length=200)]
Events = Annotated[tuple[EventType, ...], Field(min_length=1), AfterValidator(lambda events: tuple(dict.fromkeys(events)))]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NewEndpoint(_Body):
    """An endpoint to register."""

    url: Url = Field(description="receives signed POSTs")
    description: Description = ""
    events: Events | None = Field(None, description="[default: the three ends of a job]")
    signature: Signature = Field(
        "hmac", description="hmac: a secret that both sides have; ed25519: the receiver needs only a public key"
    )
    secret: Secret = Field(None, description="whsec_ and base64 of 24 to 64 bytes [default: a new one]")

    @model_validator(mode="after")
    def _secrets_are_shared(self) -> "NewEndpoint":
        if self.secret is not None and self.signature != "hmac":
            raise ValueError("a secret is only for the signature hmac")
        return self


class EndpointChanges(_Body):
    """What to change; the rest stays as it is."""

    url: Url | None = None
    description: Description | None = None
    events: Events | None = None


class Rotation(_Body):
    """How to replace the key."""

    secret: Secret = Field(None, description="the new secret, of an endpoint with the signature hmac [default: a new one]")
    overlap_s: int = Field(OVERLAP_S, ge=0, le=OVERLAP_MAX_S, description="how long the present keys sign, too; 0: no longer")


class Resend(_Body):
    """Which events to send again: the ends of jobs."""

    since: Time = Field(description="of jobs that ended at this time or later; without a zone: UTC")
    until: Time | None = Field(None, description="of jobs that ended before this time [default: now]")
    delivered: bool = Field(False, description="also those that were delivered")


class ResendOne(_Body):
    """Where to send it."""

    endpoint_id: str | None = Field(None, max_length=100, description="[default: the job's webhook_url]")


def in_order(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """Raises Problem 400 for a span that contains nothing."""
    if since >= until:
        raise Problem(400, "bad_option", "The field 'since' must be a time before 'until' and before now.", field="since")
    return since, until
