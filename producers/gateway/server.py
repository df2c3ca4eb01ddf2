"""The gateway as a stage: an event loop with the HTTP server, the feed's thread, and a health check of broker and store."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp import web

from producers.gateway.access.gate import Gate
from producers.gateway.access.keyring import Keyring
from producers.gateway.access.rates import Rates
from producers.gateway.access.unfinished import UnfinishedJobs
from producers.gateway.access.waiting_requests import WaitingRequests
from producers.gateway.app import Api
from producers.gateway.http.connection import Connection, Patience
from producers.gateway.http.connections import Connections
from producers.gateway.http.problems import guarded
from producers.gateway.openai.envelope import renderer
from producers.gateway.parts import Parts, Readiness
from producers.gateway.search.indexing import Indexing
from producers.gateway.submission.acceptances import Acceptances
from producers.gateway.submission.admission import Admission
from producers.gateway.system.cache import CacheFigures
from producers.gateway.system.readings import Readings
from producers.gateway.view.estimates import Estimates
from producers.gateway.view.feed import Feed, Freshness, Wakeups
from producers.gateway.view.view import View, view_path
from runtime.errors import UsageError
from runtime.kafka.async_producer import AsyncProducer
from runtime.logs import get_logger
from runtime.resources import Resources
from runtime.stats import Stats
from schemas.topics import WEBHOOK_ENDPOINTS

log = get_logger(__name__)
THREADS = {"directory": 8, "s3": 32}  # a directory answers at once, and more threads only contend for the interpreter
STOP_S = 0.2  # requests in flight get this long when the stage stops, and as long again to clean up
WATCH_S, WATCH_UNREADY_S, SLOW_S = 2.0, 0.2, 3.0
KEYS_S = 1.0  # how often the file of API keys is looked at


def build(resources: Resources) -> "Gateway":
    """Raises UsageError: invalid API keys, or none where others can reach the gateway."""
    keyring = Keyring(resources.settings)
    keyring.load()
    return Gateway(resources, keyring)


class Gateway:
    """A Stage. `readiness` is that of the other stages in this process, by name; set it, and `patience`, before `run()`."""

    name = "gateway"

    def __init__(self, resources: Resources, keyring: Keyring) -> None:
        self._resources = resources
        self._keyring = keyring
        settings = resources.settings
        notes_s = settings.ended_jobs_s if settings.retention_jobs_s else None
        estimates, embedded = Estimates(settings.interactive_max_s), resources.local_state is not None
        self._view = View(view_path(settings), estimates, embedded=embedded, notes_s=notes_s)
        self._producer = AsyncProducer(resources.kafka, "gateway", "gateway")
        self._readings = Readings(resources, self._producer, self._view)
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._feed: Feed | None = None
        self._failure: BaseException | None = None
        self._away: str | None = "starting"
        self.patience = Patience()
        self.readiness: Readiness = dict
        self.address: str | None = None

    def run(self) -> None:
        """Serves until `stop()`; ends within a second of it, even if store or broker hang."""
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(THREADS[self._resources.settings.store], "gateway"))
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self.address = None
            self._loop.close()  # does not wait for threads that hang in a call to store or broker
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self._stopping.set()
        if self._loop is not None and self._stopped is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped already
                self._loop.call_soon_threadsafe(self._stopped.set)

    def not_ready(self) -> str | None:
        return self._away or (self._feed.not_ready if self._feed else "starting")

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        if self._stopping.is_set():
            return
        search = Indexing.of(self._resources, self._view, lambda: self._feed is not None and self._feed.not_ready is None)
        wakeups = Wakeups(asyncio.get_running_loop(), search.note)
        self._producer.open()
        if self._resources.probe is not None:
            self._resources.probe.start()
        kafka = self._resources.kafka
        is_embedded = self._resources.local_state is not None
        feed = self._feed = Feed(kafka, self._producer, self._view, wakeups.notify, embedded=is_embedded)
        freshness = Freshness(self._view, wakeups, feed.end_offsets)
        endpoints_freshness = Freshness(self._view, wakeups, partial(feed.end_offsets, WEBHOOK_ENDPOINTS))
        cache = CacheFigures(self._resources.settings, self._view)
        stats = Stats(self._resources.kafka)
        unfinished = UnfinishedJobs(self._view)
        parts = Parts(
            self._resources,
            self._producer,
            self._view,
            wakeups,
            freshness,
            endpoints_freshness,
            stats,
            self._all_readiness,
            self._keyring,
            Rates(),
            WaitingRequests(),
            unfinished,
            self._readings,
            Acceptances(self._producer, self._view, wakeups, Admission(self._resources.settings, self._view.estimates)),
            cache,
            search,
        )
        api = Api(parts)
        try:
            feed.start()
            stats.start()
            async with self._listening(api.application()), self._watching(feed, stats, api.gate, cache, search):
                await self._stopped.wait()
                wakeups.close()
        finally:
            feed.stop(0)
            stats.stop(0)
            await _others_end()
            self._producer.close()
            ended, _ = await asyncio.gather(asyncio.to_thread(feed.stop, STOP_S), asyncio.to_thread(stats.stop, STOP_S))
            if ended:
                feed.back_up()
                self._view.close()
            await asyncio.to_thread(search.close)

    @contextlib.asynccontextmanager
    async def _listening(self, app: web.Application) -> AsyncIterator[None]:
        settings, loop = self._resources.settings, asyncio.get_running_loop()
        runner = web.AppRunner(app, shutdown_timeout=STOP_S, access_log=None)
        await runner.setup()
        server = runner.server
        assert server is not None
        server.request_handler = guarded(server.request_handler, renderer(settings.base_path))

        connections = Connections.of(settings)
        watch = asyncio.create_task(connections.watch())

        def connection() -> Connection:
            return Connection(connections, server, loop, self.patience)

        try:
            listening = await loop.create_server(connection, settings.gateway_host, settings.gateway_port, backlog=1024)
        except OSError as error:
            await runner.cleanup()
            where = f"{settings.gateway_host}:{settings.gateway_port}"
            raise UsageError(f"the gateway cannot listen on {where}: {error.strerror}. Set MURMUR_GATEWAY_PORT") from error
        self.address = _address(settings.gateway_host, listening.sockets[0].getsockname()[1])
        log.info("gateway.started", url=self.address)
        try:
            yield
        finally:
            listening.close()
            watch.cancel()
            await runner.cleanup()

    @contextlib.asynccontextmanager
    async def _watching(self, feed: Feed, stats: Stats, gate: Gate, cache: CacheFigures, search: Indexing) -> AsyncIterator[None]:
        work = (self._watch(feed, stats), self._reload_keys(gate), _count(cache), search.run())
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def _reload_keys(self, gate: Gate) -> None:
        while self._keyring.is_required:
            await asyncio.sleep(KEYS_S)
            gate.expel(await asyncio.to_thread(self._keyring.reload))

    async def _watch(self, feed: Feed, stats: Stats) -> None:
        """Keeps `not_ready()` true to what broker and store say. A thread that has failed ends the stage: `run()` raises why."""
        while True:
            try:
                feed.check()
                stats.check()
            except Exception as failure:
                self._failure = failure
                self.stop()
                return
            check = asyncio.create_task(asyncio.to_thread(self._readings.refresh))
            await asyncio.wait({check}, timeout=SLOW_S)
            if not check.done():
                self._away = "broker or store do not answer"
            self._away = (await check).problem
            await asyncio.sleep(WATCH_UNREADY_S if self._away else WATCH_S)

    def _all_readiness(self) -> Mapping[str, str | None]:
        return {self.name: self.not_ready(), **self.readiness()}


async def _count(cache: CacheFigures) -> None:
    """By itself: broker and store may take long to answer."""
    while True:
        await asyncio.to_thread(cache.refresh)
        await asyncio.sleep(WATCH_S)


async def _others_end() -> None:
    """Aborted uploads get a moment to remove what they wrote."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, left = await asyncio.wait(others, timeout=STOP_S)
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=STOP_S) if left else None


def _address(host: str, port: int) -> str:
    """A URL that works on this machine, also when the server listens on all addresses."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
