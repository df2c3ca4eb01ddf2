"""Real services for the tests of this folder: the running ones (`services`, in tests/conftest.py), and throw-away ones.

A throw-away service may be killed, frozen and started again on its data and ports; it is gone after the test.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.services import supervisor
from scripts.services.kafka import Kafka
from scripts.services.store import Flavour, Store
from scripts.services.supervisor import Services
from tests.services.running import Installation

StoreFactory = Callable[[Flavour], Store]


@pytest.fixture(params=["minio", "versitygw"])
def store(request: pytest.FixtureRequest, services: Services) -> Store:
    """Each of the running stores."""
    found: Store = getattr(services, request.param)
    return found


@pytest.fixture
def own_kafka(services: Services, tmp_path: Path) -> Iterator[Kafka]:
    """A broker for this test alone, started."""
    kafka = supervisor.own_kafka(tmp_path / "kafka")
    yield kafka
    kafka.process.forget()


@pytest.fixture
def own_store(services: Services, tmp_path: Path) -> Iterator[StoreFactory]:
    """Stores for this test alone, proven; they announce on the running Kafka."""
    with ExitStack() as stack:

        def start(flavour: Flavour) -> Store:
            store = supervisor.own_store(flavour, tmp_path / flavour.name, services.kafka)
            stack.callback(services.kafka.drop, store.topic_prefix)
            stack.callback(store.process.forget)
            return store

        yield start


@pytest.fixture(scope="session", params=supervisor.FLAVOURS, ids=lambda flavour: flavour.name)
def system(
    request: pytest.FixtureRequest, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The whole system but for its reconciler: stages as processes on each store, started once and shared by all modules."""
    folder = tmp_path_factory.mktemp(request.param.name)
    store = supervisor.own_store(request.param, folder / "store", services.kafka)
    installation = Installation(store, services.kafka, folder)
    try:
        with installation.run("gateway", "intake", "coordinator", "slicer", "transcriber", "store"):
            yield installation
    finally:
        installation.close()
        store.process.forget()
        services.kafka.drop(store.topic_prefix)
