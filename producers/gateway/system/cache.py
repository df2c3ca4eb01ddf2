"""The cache of finished works: its figures, and its clearing.

What answers a submission is in the coordinators' table; their transcripts are in the store. A cleared work answers no later
submission, and keeps its transcript for its jobs.
"""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from producers.gateway.access.caller import caller_of
from producers.gateway.documents.cache import CacheCleared, CacheStats, WorkCleared
from producers.gateway.http.problems import Problem
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Route
from producers.gateway.jobs.lookup import JobLookup
from producers.gateway.system.clearing import Clearing
from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.view import View
from runtime.retention import cache_bytes
from runtime.settings import Settings

WORK_ID = re.compile(r"[0-9a-f]{64}")


class CacheFigures:
    """From any thread."""

    def __init__(self, settings: Settings, view: View) -> None:
        self._settings = settings
        self._view = view
        self.latest: Mapping[str, Any] = {}

    def refresh(self) -> None:
        """Blocks, as `document()`."""
        if self._view.is_readable:
            with contextlib.suppress(ViewUnavailable):
                self.latest = self.document()

    def document(self, owner: str | None = None) -> dict[str, Any]:
        """`hits` and `misses` of this owner. Blocks for less than a millisecond. Raises ViewUnavailable."""
        settings, cache = self._settings, self._view.cache
        hits, misses = self._view.jobs.cache_uses(owner)
        size = cache.size(cache.since(settings.cache_ttl_s, datetime.now(UTC)))
        return {
            "cache_enabled": settings.cache_enabled,
            "size": size.entries,
            "max_size": settings.cache_entries or None,
            "bytes": size.size_bytes,
            "max_bytes": cache_bytes(settings) or None,
            "hits": hits,
            "misses": misses,
            "hit_rate": round(hits / (hits + misses), 4) if hits + misses else None,
            "ttl_seconds": settings.cache_ttl_s or None,
            "disk_cache_enabled": settings.cache_enabled,
            "disk_cache_size": size.entries,
            "cleared_at": cache.all_cleared_at,
        }


class Cache:
    def __init__(self, view: View, figures: CacheFigures, clearing: Clearing, lookup: JobLookup) -> None:
        self._view = view
        self._figures = figures
        self._clearing = clearing
        self._lookup = lookup

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/cache-stats", self.stats, "The cache of results", "system", responses={200: CacheStats}),
            Route(
                "POST",
                "/api/cache/clear",
                self.clear,
                "No result that exists now answers a later submission",
                "system",
                responses={200: CacheCleared},
                access="admin",
            ),
            Route(
                "DELETE",
                "/api/cache/{work_id}",
                self.clear_work,
                "The result of this work answers no later submission",
                "system",
                responses={200: WorkCleared},
                problems=("unknown_work",),
            ),
            Route(
                "DELETE",
                "/api/jobs/{task_id}/cache",
                self.clear_job,
                "The result of this job answers no later submission",
                "jobs",
                responses={200: WorkCleared},
                problems=("unknown_task",),
            ),
        ]

    async def stats(self, request: web.Request) -> web.Response:
        return json_response(await asyncio.to_thread(self._figures.document, caller_of(request).scope))

    async def clear(self, _request: web.Request) -> web.Response:
        return json_response({"success": True, "cleared_at": await self._clearing.all()})

    async def clear_work(self, request: web.Request) -> web.Response:
        work_id = request.match_info["work_id"]
        if not await asyncio.to_thread(self._is_known, work_id, caller_of(request).scope):
            raise Problem(404, "unknown_work", "No job that you may see has this work_id, or had it lately.")
        return await self._cleared(work_id)

    async def clear_job(self, request: web.Request) -> web.Response:
        return await self._cleared((await self._lookup.find(request)).work_id)

    async def _cleared(self, work_id: str) -> web.Response:
        return json_response({"success": True, "work_id": work_id, "cleared_at": await self._clearing.work(work_id)})

    def _is_known(self, work_id: str, owner: str | None) -> bool:
        """Blocks. What is in the cache without a job is known only to those who see all jobs."""
        if not WORK_ID.fullmatch(work_id):
            return False
        return self._view.jobs.has_work(work_id, owner) or (owner is None and self._view.cache.has(work_id, None))
