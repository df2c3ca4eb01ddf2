"""The parts that the groups of endpoints share; `server.py` makes them and `app.py` passes them on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from producers.gateway.access.keyring import Keyring
from producers.gateway.access.rates import Rates
from producers.gateway.access.unfinished import UnfinishedJobs
from producers.gateway.access.waiting_requests import WaitingRequests
from producers.gateway.search.indexing import Indexing
from producers.gateway.submission.acceptances import Acceptances
from producers.gateway.system.cache import CacheFigures
from producers.gateway.system.readings import Readings
from producers.gateway.view.feed import Freshness, Wakeups
from producers.gateway.view.view import View
from runtime.kafka.async_producer import AsyncProducer
from runtime.resources import Resources
from runtime.stats import Stats

Readiness = Callable[[], Mapping[str, str | None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """`readiness`: name of a stage or service -> why it is not ready, None when it is. `freshness`: of the jobs;
    `endpoints_freshness`: of the registered webhook endpoints."""

    resources: Resources
    producer: AsyncProducer
    view: View
    wakeups: Wakeups
    freshness: Freshness
    endpoints_freshness: Freshness
    stats: Stats
    readiness: Readiness
    keyring: Keyring
    rates: Rates
    waiting: WaitingRequests
    unfinished: UnfinishedJobs
    readings: Readings
    acceptances: Acceptances
    cache: CacheFigures
    search: Indexing
