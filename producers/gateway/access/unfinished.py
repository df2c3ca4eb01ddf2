"""How many jobs of an owner may be unfinished at the same time. Counted in the view, so that every gateway agrees.

Jobs that this gateway is about to accept are not in the view yet: they are counted here as well, so that many submissions at the
same moment cannot pass together. Those of other gateways are counted once their requests have been read, a moment later.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from producers.gateway.access.caller import Caller
from producers.gateway.http.problems import Problem
from producers.gateway.view.view import View

RETRY_S, RETRY_MAX_S = 5.0, 60.0  # where it cannot be estimated when a job ends; at most


class UnfinishedJobs:
    def __init__(self, view: View) -> None:
        self._view = view
        self._accepting: Counter[str] = Counter()

    @asynccontextmanager
    async def reserved(self, caller: Caller) -> AsyncIterator[None]:
        """From before the body of a submission is read until the job is in the view. Raises Problem 429."""
        self._accepting[caller.owner] += 1
        try:
            await self._check(caller)
            yield
        finally:
            self._accepting[caller.owner] -= 1
            if not self._accepting[caller.owner]:
                del self._accepting[caller.owner]

    async def check(self, caller: Caller) -> None:
        """Whether there is room for one job more. Raises Problem 429."""
        async with self.reserved(caller):
            return

    async def count(self, owner: str) -> int:
        return (await asyncio.to_thread(self._view.jobs.unfinished_of, owner))[0]

    async def _check(self, caller: Caller) -> None:
        limit = caller.key.limits.unfinished_jobs if caller.key is not None else 0
        if not limit:
            return
        count, oldest = await asyncio.to_thread(self._view.jobs.unfinished_of, caller.owner)
        if count + self._accepting[caller.owner] <= limit:
            return
        estimate = self._view.estimates.of(oldest) if oldest is not None else None
        after_s = RETRY_S if estimate is None else min(RETRY_MAX_S, estimate.min_s)
        detail = f"{caller.owner} has {count} jobs that have not ended, of at most {limit}: submit again when some have ended."
        raise Problem(429, "too_many_jobs", detail, after_s=after_s, limit=limit)
