"""Checks before a webhook is sent: a valid secret and a usable URL.

Shared by the webhook sink, which signs and sends, and the gateway, which refuses what could never be sent.
Scheme: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
from datetime import UTC, datetime
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook

from runtime.addresses import Reach, literal, reach
from runtime.errors import UsageError
from runtime.settings import Settings

PREFIX = "whsec_"
SECRET_MIN_BYTES, SECRET_MAX_BYTES = 24, 64  # limits of the specification


class Signer:
    """Signs with one secret. From any thread."""

    def __init__(self, secret: str) -> None:
        """Raises UsageError for a secret that is not `whsec_` and base64 of 24 to 64 bytes."""
        self._webhook = Webhook(_key(secret))

    def headers(self, webhook_id: str, body: bytes, at: datetime) -> dict[str, str]:
        """The three headers that a receiver verifies. `at` is the time of the attempt; `body` is UTF-8."""
        at = at.astimezone(UTC)
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._webhook.sign(webhook_id, at, body.decode()),
        }


def signer(settings: Settings) -> Signer | None:
    """None if no secret is set: then no webhook can be sent. Raises UsageError for a secret that cannot sign."""
    secret = settings.webhook_secret
    return Signer(secret.get_secret_value()) if secret is not None else None


def url_problem(url: str) -> str | None:
    """Why no webhook can go to this URL, whatever it resolves to; None when one might."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # an invalid port, unbalanced brackets
        return f"not a URL: {error}"
    if parts.scheme not in ("http", "https"):
        return "not an http or https URL"
    if not host or port == 0:
        return "names no host and port"
    if "@" in parts.netloc:
        return "contains a user or a password"
    return None


def address_problem(url: str, allow_private: bool) -> str | None:
    """Why no webhook can be sent to the address that this URL spells out; None for a name, which is resolved when it is sent.
    `url` has no `url_problem`."""
    address = literal(urlsplit(url).hostname or "")
    found = Reach.PUBLIC if address is None else reach(address)
    if found is Reach.PRIVATE and not allow_private:
        return "leads to a private address, which MURMUR_WEBHOOK_ALLOW_PRIVATE would permit"
    return "leads to an address where no receiver can be" if found is Reach.FORBIDDEN else None


def _key(secret: str) -> bytes:
    fix = f"MURMUR_WEBHOOK_SECRET must be {PREFIX!r} and base64 of 24 to 64 bytes, such as {PREFIX}$(openssl rand -base64 32)"
    text = secret.removeprefix(PREFIX)
    if text == secret:
        raise UsageError(fix)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(fix) from error
    if not SECRET_MIN_BYTES <= len(key) <= SECRET_MAX_BYTES:
        raise UsageError(fix)
    return key
