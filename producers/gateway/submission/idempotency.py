"""Idempotency-Key: the same submission under the same key is one job, whichever gateway it reaches.

The digest of the key is in the job's record, so every view finds the job again, and a rebuilt one too. The job's id is derived
from key and payload: of two requests that reach two gateways at the same moment both make a job of the same id, which the
coordinator runs once. The draft of the IETF: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from aiohttp import web

from producers.gateway.http.problems import Problem
from producers.gateway.view.feed import Freshness
from producers.gateway.view.job_view import KeyUse
from producers.gateway.view.view import View
from runtime.identity import digest
from schemas.jobs import Idempotency, JobRequested

HEADER = "Idempotency-Key"
KEY_LETTERS_MAX = 255
VALID = timedelta(hours=24)
_JOBS = UUID("6d75726d-7572-5d72-8f70-730000000002")  # namespace of the ids of jobs that have a key


def key_of(request: web.BaseRequest) -> str | None:
    """As the client sent it, with or without the quotes of the draft. Raises Problem 400."""
    text = request.headers.get(HEADER)
    if text is None:
        return None
    key = text.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= KEY_LETTERS_MAX or not key.isascii() or not key.isprintable():
        raise Problem(400, "bad_request", f"The {HEADER} must be 1 to {KEY_LETTERS_MAX} visible ASCII characters.")
    return key


def of(owner: str, key: str | None, payload: object, position: int | None = None) -> Idempotency | None:
    """What the record of the job says of the key. `payload`: a JSON value; `position`: in a batch."""
    if key is None:
        return None
    return Idempotency(key=digest([owner, key, position]), payload=digest(payload))


def job_id(idempotency: Idempotency, now: datetime) -> UUID:
    """The same for repeats of a submission; another one when the key has expired, which is later than on the next day."""
    return uuid5(_JOBS, f"{idempotency.key}\n{idempotency.payload}\n{now.astimezone(UTC).date()}")


def other_payload() -> Problem:
    return Problem(422, "other_payload", f"This {HEADER} was used for another submission: use a new key for each.")


class IdempotencyKeys:
    """For one event loop."""

    def __init__(self, view: View, freshness: Freshness) -> None:
        self._view = view
        self._freshness = freshness
        self._in_progress: set[str] = set()

    @asynccontextmanager
    async def held(self, owner: str, key: str | None) -> AsyncIterator[None]:
        """While a submission is read and accepted. Raises Problem 409 for a second one at this gateway."""
        if key is None:
            yield
            return
        held = digest([owner, key])
        if held in self._in_progress:
            detail = "The same request is still in progress: repeat it when that has ended."
            raise Problem(409, "in_progress", detail, after_s=1.0)
        self._in_progress.add(held)
        try:
            yield
        finally:
            self._in_progress.discard(held)

    async def earlier(self, idempotency: Idempotency) -> JobRequested | None:
        """What was accepted under the same key, at any gateway. Raises Problem 422 if that was something else, 409 if its job was
        deleted, and Retry while this gateway's view is not up to date."""
        used = await self._used(idempotency)
        if used is None:
            await self._freshness.reached()
            used = await self._used(idempotency)
        if used is None:
            return None
        if used.requested is None or used.requested.job.idempotency is None:
            raise Problem(409, "key_used", f"The job of this {HEADER} was deleted: use another key.")
        if used.requested.job.idempotency.payload != idempotency.payload:
            raise other_payload()
        return used.requested

    async def _used(self, idempotency: Idempotency) -> KeyUse | None:
        return await asyncio.to_thread(self._view.jobs.by_key, idempotency.key, datetime.now(UTC) - VALID)
