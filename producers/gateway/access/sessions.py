"""Sessions of the web page: a signed cookie, got for a key, with which a browser may read for an hour.

Players, links and EventSource cannot send a header. The cookie cannot be read by scripts, is sent to this server by its own pages
alone, and is accepted for GET and HEAD only. It does not contain the key, and ends with it.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

from producers.gateway.access.keyring import Keyring
from runtime.api_keys import ApiKey
from runtime.errors import Retry
from runtime.objects import NotFound, ObjectStore
from runtime.objects.keys import SESSION_SECRET

COOKIE = "murmur_session"
LIFETIME_S = 3600
SECRET_BYTES = 32
SIGNING_AGE_S = 60.0  # a secret that was read longer ago is read again before it signs: another gateway may have replaced it
CHECKING_AGE_S = 5.0  # the same before a signature is refused


class Sessions:
    """Any gateway accepts the sessions of any other: their secret is an object in the work bucket, made at its first use."""

    def __init__(self, objects: ObjectStore, bucket: str, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._objects = objects
        self._bucket = bucket
        self._keyring = keyring
        self._clock = clock
        self._secret = b""
        self._read_s = 0.0

    async def issue(self, key: ApiKey) -> str:
        """The value of the cookie. Raises StoreUnavailable."""
        await self._refresh(SIGNING_AGE_S)
        expires_s = int(self._clock()) + LIFETIME_S
        return f"{key.id}.{expires_s}.{self._signature(key, expires_s)}"

    async def key_of(self, value: str) -> ApiKey | None:
        """The key for which this cookie was issued, while both are valid. Raises StoreUnavailable before the secret was read."""
        parts = value.split(".")
        if len(parts) != 3 or not parts[1].isascii() or not parts[1].isdigit() or len(parts[1]) > 12 or not value.isascii():
            return None
        key = self._keyring.named(parts[0])
        if key is None or int(parts[1]) <= self._clock():
            return None
        for age_s in (float("inf"), CHECKING_AGE_S):
            await self._refresh(age_s)
            if hmac.compare_digest(self._signature(key, int(parts[1])), parts[2]):
                return key
        return None

    def _signature(self, key: ApiKey, expires_s: int) -> str:
        signed = hmac.new(self._secret, key.digest + expires_s.to_bytes(8, "big"), hashlib.sha256)
        return base64.urlsafe_b64encode(signed.digest()).decode().rstrip("=")

    async def _refresh(self, max_age_s: float) -> None:
        if self._secret and self._clock() - self._read_s <= max_age_s:
            return
        with contextlib.suppress(Retry) if self._secret else contextlib.nullcontext():
            self._secret = await asyncio.to_thread(self._read)
            self._read_s = self._clock()

    def _read(self) -> bytes:
        """Of two gateways that make it at the same time, both read what was written last, now or before they refuse."""
        with contextlib.suppress(NotFound):
            secret = self._objects.get(self._bucket, SESSION_SECRET)
            if len(secret) == SECRET_BYTES:
                return secret
        self._objects.put(self._bucket, SESSION_SECRET, secrets.token_bytes(SECRET_BYTES))
        return self._objects.get(self._bucket, SESSION_SECRET)
