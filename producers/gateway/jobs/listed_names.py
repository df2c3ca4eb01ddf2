"""The names that readers have given to files, for the list of jobs: a copy of what is in the store.

It is renewed in the background while lists are requested. So any gateway shows names that were given at another one, some seconds
later, and the list is answered whether the store answers or not.
"""

import asyncio
import time
from collections.abc import Mapping

from producers.gateway.jobs.names import GivenNames, StoredName
from producers.gateway.view.job_view import JobView
from runtime.objects import StoreUnavailable
from runtime.outage import Outage

RENEWED_S = 3.0
SHARE = 0.05  # of the time at most, where there are so many that reading them takes long
FIRST_S = 1.0  # the first list waits for so long


class ListedNames:
    """For the event loop."""

    def __init__(self, given: GivenNames) -> None:
        self._given = given
        self._names: Mapping[str, StoredName] = {}
        self._noted: dict[str, StoredName] = {}  # since the renewal that is in progress began
        self._renewal: asyncio.Task[None] | None = None
        self._due_s = 0.0
        self._has_waited = False
        self._outage = Outage("gateway-names")

    async def renewed(self) -> None:
        """Before a list is made. Waits only for the first renewal, and not for long."""
        if time.monotonic() >= self._due_s and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.create_task(self._renew())
        if not self._has_waited and self._renewal is not None:
            await asyncio.wait({self._renewal}, timeout=FIRST_S)
            self._has_waited = True

    def of(self, job: JobView) -> str | None:
        """None: none was given."""
        found = self._names.get(str(job.job_id))
        return found.filename or None if found is not None else None

    def find(self, text: str) -> list[str]:
        """The jobs whose files have names with this text, in any case."""
        wanted = text.casefold()
        return [job_id for job_id, name in self._names.items() if wanted in name.filename.casefold()]

    def note(self, job: JobView, filename: str) -> None:
        """Given at this gateway."""
        self._noted[str(job.job_id)] = StoredName("", filename)
        self._names = {**self._names, **self._noted}

    async def _renew(self) -> None:
        self._noted, began_s = {}, time.monotonic()
        try:
            self._names = {**await asyncio.to_thread(self._given.all, self._names), **self._noted}
            self._outage.ended()
        except StoreUnavailable as unavailable:
            self._outage.started(unavailable)
        took_s = time.monotonic() - began_s
        self._due_s = time.monotonic() + max(RENEWED_S, took_s / SHARE)
