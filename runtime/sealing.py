"""Encrypts the secrets of registered webhooks before they are written to Kafka, if the installation has a key for that.

The gateway seals and the webhook sink opens, so that both need the same setting. Without a key a secret is written as it is, and
whoever can read the topic `webhook-endpoints` can read it (docs/security.md).
"""

import base64
import binascii
from typing import TYPE_CHECKING

from pydantic import SecretStr

from runtime.errors import Retry, UsageError
from runtime.settings import Settings

if TYPE_CHECKING:  # takes longer to load than most commands take
    from cryptography.fernet import MultiFernet

SEALED = "sealed:"
KEY_BYTES = 32


class CannotOpen(Retry):
    """The secret is sealed with a key that this process does not have."""


class Sealer:
    """From any thread. `keys`: separated by blanks; the first one seals, all of them open."""

    def __init__(self, keys: SecretStr | None) -> None:
        """Raises UsageError."""
        self._fernet = _fernet(keys.get_secret_value().split()) if keys is not None else None

    @classmethod
    def of(cls, settings: Settings) -> "Sealer":
        return cls(settings.webhook_encryption_key)

    def seal(self, secret: str) -> str:
        return secret if self._fernet is None else SEALED + self._fernet.encrypt(secret.encode()).decode()

    def open(self, text: str) -> str:
        """Also of a secret that was written before there was a key. Raises CannotOpen."""
        if not text.startswith(SEALED):
            return text
        if self._fernet is None:
            raise CannotOpen("a webhook's secret is encrypted: set MURMUR_WEBHOOK_ENCRYPTION_KEY as for the gateway")
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(text.removeprefix(SEALED)).decode()
        except InvalidToken as error:
            raise CannotOpen("MURMUR_WEBHOOK_ENCRYPTION_KEY is not the key that a webhook's secret is encrypted with") from error


def _fernet(keys: list[str]) -> "MultiFernet | None":
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(base64.urlsafe_b64encode(_key(text))) for text in keys]) if keys else None


def _key(text: str) -> bytes:
    """Base64 of either alphabet."""
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise UsageError("MURMUR_WEBHOOK_ENCRYPTION_KEY must be base64 of 32 bytes, such as $(openssl rand -base64 32)")
    return key
