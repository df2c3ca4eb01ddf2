"""How many URLs are fetched at a time: in all, and of one owner, whose slow servers must not hold up the others.

Used by `fetch.py`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from producers.gateway.http.problems import Problem

ALL_MAX = 32
OWNER_MAX = 8
WAIT_S = 30.0
RETRY_S = 10.0


class FetchPlaces:
    """For one event loop."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(ALL_MAX)
        self._of_owner: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def held(self, owner: str) -> AsyncIterator[None]:
        """One place, from when there is one. Raises Problem 429 when there is none for too long."""
        of_owner = self._of_owner.setdefault(owner, asyncio.Semaphore(OWNER_MAX))
        await _acquired(of_owner, f"{owner} has {OWNER_MAX} URLs that are being fetched, the most at a time.")
        try:
            await _acquired(self._all, f"{ALL_MAX} URLs are being fetched, the most at a time.")
            try:
                yield
            finally:
                self._all.release()
        finally:
            of_owner.release()


async def _acquired(places: asyncio.Semaphore, detail: str) -> None:
    try:
        await asyncio.wait_for(places.acquire(), WAIT_S)
    except TimeoutError:
        raise Problem(429, "too_many_fetches", detail, after_s=RETRY_S) from None
