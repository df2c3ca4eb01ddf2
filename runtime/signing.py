"""Signatures of webhooks, and the keys that make them.

A key is a text: `whsec_` and a secret that the receiver shares (HMAC-SHA256, signatures `v1,`), or `whsk_` and an ed25519 private
key (signatures `v1a,`), whose public key `whpk_` is all that the receiver needs. While keys are rotated, each signs.
Scheme: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from runtime.errors import UsageError
from runtime.settings import Settings

SECRET, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
SECRET_MIN_BYTES, SECRET_MAX_BYTES = 24, 64  # limits of the specification
SECRET_BYTES = 32  # of a new one
SEED_BYTES = 32  # of an ed25519 key; its text may have the public key after it
KEYS_MAX = 10  # that sign one webhook: each is a part of its headers

Sign = Callable[[str, datetime, str], str]


class BadKey(UsageError):
    """The text is no key. The message does not show it."""


class Signer:
    """Signs with every one of its keys. From any thread."""

    def __init__(self, *keys: str) -> None:
        """Raises BadKey."""
        if not 1 <= len(keys) <= KEYS_MAX:
            raise BadKey(f"1 to {KEYS_MAX} keys can sign a webhook")
        self._signs = [_sign_with(key) for key in keys]

    def headers(self, webhook_id: str, body: bytes, at: datetime) -> dict[str, str]:
        """The three headers that a receiver verifies. `at` is the time of the attempt; `body` is UTF-8."""
        at, text = at.astimezone(UTC), body.decode()
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(sign(webhook_id, at, text) for sign in self._signs),
        }


def signer(settings: Settings) -> Signer | None:
    """Of webhooks to a job's own URL. None if no secret is set: then none can be sent. Raises UsageError for one that cannot
    sign."""
    keys = settings.webhook_secret.get_secret_value().split() if settings.webhook_secret is not None else ()
    try:
        return Signer(*keys) if keys else None
    except BadKey as error:
        raise UsageError(f"MURMUR_WEBHOOK_SECRET: {error}") from error


def new_secret() -> str:
    return SECRET + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def new_private_key() -> str:
    """Of ed25519, with its public key after it, as other senders write it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    return PRIVATE + base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()).decode()


def public_key(key: str) -> str | None:
    """What a receiver verifies with; None for a shared secret. Raises BadKey."""
    if not key.startswith(PRIVATE):
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(_seed(key))
    return PUBLIC + base64.b64encode(private.public_key().public_bytes_raw()).decode()


def _sign_with(key: str) -> Sign:
    if key.startswith(PRIVATE):
        return _ed25519(_seed(key))
    sign: Sign = Webhook(_shared(key)).sign
    return sign


def _ed25519(seed: bytes) -> Sign:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(seed)

    def sign(webhook_id: str, at: datetime, text: str) -> str:
        signature = key.sign(f"{webhook_id}.{int(at.timestamp())}.{text}".encode())
        return f"v1a,{base64.b64encode(signature).decode()}"

    return sign


def _shared(key: str) -> bytes:
    fix = f"a secret must be {SECRET!r} and base64 of 24 to 64 bytes, such as {SECRET}$(openssl rand -base64 32)"
    secret = _decoded(key, SECRET, fix)
    if not SECRET_MIN_BYTES <= len(secret) <= SECRET_MAX_BYTES:
        raise BadKey(fix)
    return secret


def _seed(key: str) -> bytes:
    fix = f"a private key must be {PRIVATE!r} and base64 of an ed25519 key: 32 bytes, or 64 with its public key"
    found = _decoded(key, PRIVATE, fix)
    if len(found) not in (SEED_BYTES, 2 * SEED_BYTES):
        raise BadKey(fix)
    return found[:SEED_BYTES]


def _decoded(key: str, prefix: str, fix: str) -> bytes:
    text = key.removeprefix(prefix)
    if text == key:
        raise BadKey(fix)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKey(fix) from error
