"""Clears the cache of finished works, all of it or one work: a record for the coordinators and for the other gateways."""

import asyncio
import contextlib
from datetime import UTC, datetime

from producers.gateway.view.database import ViewUnavailable
from producers.gateway.view.view import View
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Output
from runtime.logs import get_logger
from schemas.cache import CacheCleared
from schemas.topics import CACHE_CLEARS

log = get_logger(__name__)


class Clearing:
    """Both methods return once the broker has acknowledged it, and raise Retry. No request that this gateway accepts later is
    answered by a transcript that exists now: it says so itself, should a coordinator read it first."""

    def __init__(self, kafka: Kafka, producer: AsyncProducer, view: View) -> None:
        self._kafka = kafka
        self._producer = producer
        self._view = view

    async def all(self) -> datetime:
        cleared = CacheCleared(at=datetime.now(UTC))
        partitions = await asyncio.to_thread(self._kafka.offsets.partitions, (CACHE_CLEARS,))
        await self._send(cleared, *(Output(CACHE_CLEARS, "cache", cleared, partition.number) for partition in partitions))
        log.info("cache.cleared")
        return cleared.at

    async def work(self, work_id: str) -> datetime:
        cleared = CacheCleared(at=datetime.now(UTC), work_id=work_id)
        await self._send(cleared, Output(CACHE_CLEARS, work_id, cleared))
        log.info("cache.work_cleared", work_id=work_id)
        return cleared.at

    async def _send(self, cleared: CacheCleared, *outputs: Output) -> None:
        await asyncio.gather(*map(self._producer.send, outputs))
        with contextlib.suppress(ViewUnavailable):  # the feed waits for space, and brings it then
            await asyncio.to_thread(self._view.clear_cache, cleared)
