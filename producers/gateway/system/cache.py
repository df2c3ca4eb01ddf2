"""The cache of finished works: `/api/cache-stats` and `/api/cache/clear`.

A repeated submission is answered if the coordinator remembers the work, or if its transcript is in the store. Neither has an age
limit. Clearing sets a time: transcripts made until then answer no later submission, and stay where they are for their jobs.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from producers.gateway.access.caller import caller_of
from producers.gateway.documents.cache import CacheCleared as CacheClearedDocument
from producers.gateway.documents.cache import CacheStats
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Route
from producers.gateway.view.cache_book import CacheBook, StoredTranscripts
from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.view import View
from runtime.errors import MurmurError
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from runtime.resources import Resources
from schemas.cache import CacheCleared
from schemas.topics import CACHE_CHANGELOG, CACHE_CLEARS

log = get_logger(__name__)
LATEST_S = 10.0  # the view counts its jobs for this, which takes tens of milliseconds where there are 100,000


class CacheFigures:
    """From any thread, except `refresh()`."""

    def __init__(self, resources: Resources, view: View) -> None:
        self._settings = resources.settings
        self._view = view
        self._kafka = resources.kafka
        self._partitions: int | None = None
        self._due_s = 0.0
        self.latest: Mapping[str, Any] = {}
        self.book = CacheBook()
        self._stored = StoredTranscripts(resources.objects, resources.settings.work_bucket, self.book)

    def refresh(self) -> None:
        """Blocks while the store lists its transcripts, if they have to be counted again. `latest` is at most a few seconds
        old then."""
        if self._partitions is None:
            with contextlib.suppress(MurmurError):
                self._partitions = len(self._kafka.offsets.partitions((CACHE_CHANGELOG,)))
        self._stored.refresh(self._view.cache_cleared_at)
        if self._view.is_readable and time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + LATEST_S
            with contextlib.suppress(ViewUnavailable):
                self.latest = self.document()

    def document(self, owner: str | None = None) -> dict[str, Any]:
        """`hits` and `misses` of this owner. Blocks for some milliseconds. Raises ViewUnavailable."""
        cleared_at = self._view.cache_cleared_at
        hits, misses = self._view.cache_uses(cleared_at, owner)
        return {
            "cache_enabled": True,
            "size": self.book.size(cleared_at),
            "max_size": None if self._partitions is None else self._settings.cache_entries * self._partitions,
            "hits": hits,
            "misses": misses,
            "hit_rate": round(hits / (hits + misses), 4) if hits + misses else None,
            "ttl_seconds": None,
            "disk_cache_enabled": True,
            "disk_cache_size": self._stored.count(cleared_at),
            "cleared_at": cleared_at,
        }


class Cache:
    def __init__(self, resources: Resources, producer: AsyncProducer, view: View, figures: CacheFigures) -> None:
        self._kafka = resources.kafka
        self._producer = producer
        self._view = view
        self._figures = figures

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/cache-stats", self.stats, "The cache of results", "system", responses={200: CacheStats}),
            Route(
                "POST",
                "/api/cache/clear",
                self.clear,
                "No result that exists now answers a later submission",
                "system",
                responses={200: CacheClearedDocument},
                access="admin",
            ),
        ]

    async def stats(self, request: web.Request) -> web.Response:
        return json_response(await asyncio.to_thread(self._figures.document, caller_of(request).scope))

    async def clear(self, _request: web.Request) -> web.Response:
        """Answers when every coordinator will read of it before any request that this gateway accepts later. Raises Retry."""
        cleared = CacheCleared(at=datetime.now(UTC))
        partitions = await asyncio.to_thread(self._kafka.offsets.partitions, (CACHE_CLEARS,))
        outputs = [Output(CACHE_CLEARS, "cache", cleared, partition.number) for partition in partitions]
        await asyncio.gather(*map(self._producer.send, outputs))
        with contextlib.suppress(ViewUnavailable):  # the feed waits for space, and brings it then
            await asyncio.to_thread(self._view.clear_cache, cleared.at)
        log.info("cache.cleared")
        return json_response({"success": True, "cleared_at": cleared.at})
