"""A gateway on a loopback port, over each of the brokers and a directory store."""

import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from producers.gateway import build
from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources
from runtime.settings import Settings
from tests.contract.gateway.house import House
from tests.waiting import DEADLINE_S, wait_until

SECRET = SecretStr("whsec_" + "QUJDRA" * 8)


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest) -> Iterator[Kafka]:
    """One for all tests of a module."""
    if request.param == "embedded":
        with EmbeddedBroker() as embedded:
            yield embedded.kafka()
    else:
        yield request.getfixturevalue("fresh_topics")()


@pytest.fixture(scope="module")
def house(broker: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests of a module; each makes jobs of its own."""
    folder = tmp_path_factory.mktemp("gateway")
    limits = {"max_upload_bytes": 12 * 1024 * 1024, "webhook_secret": SECRET}
    settings = Settings.model_validate(
        {"gateway_port": 0, "data_dir": folder, "model": "demo", "topic_prefix": broker.prefix, **limits}
    )
    store = DirectoryStore({settings.work_bucket: folder / "work"})
    store.create()
    gateway = build(Resources(settings, broker, store, catalogue.resolve("demo")))
    running = threading.Thread(target=gateway.run)
    running.start()
    try:
        wait_until(lambda: gateway.not_ready() is None, "the gateway")
        yield House(gateway, broker, store, settings, folder / "work" / "uploads", broker.producer("test"))
    finally:
        gateway.stop()
        running.join(DEADLINE_S)
    assert not running.is_alive()
