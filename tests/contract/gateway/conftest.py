"""A gateway on a loopback port, over the embedded broker and a directory store."""

import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from murmur.kafka.embedded import EmbeddedBroker
from murmur.models import catalogue
from murmur.objects.directory import DirectoryStore
from murmur.resources import Resources
from murmur.settings import Settings
from producers.gateway import build
from tests.contract.gateway.house import House
from tests.waiting import wait_until

SECRET = SecretStr("whsec_" + "QUJDRA" * 8)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests of a module; each makes jobs of its own."""
    folder = tmp_path_factory.mktemp("gateway")
    settings = Settings(gateway_port=0, data_dir=folder, model="demo", max_upload_bytes=12 * 1024 * 1024, webhook_secret=SECRET)
    store = DirectoryStore({settings.work_bucket: folder / "work"})
    store.create()
    with EmbeddedBroker(prefix=settings.topic_prefix) as broker:
        kafka = broker.kafka()
        gateway = build(Resources(settings, kafka, store, catalogue.resolve("demo")))
        running = threading.Thread(target=gateway.run)
        running.start()
        try:
            wait_until(lambda: gateway.not_ready() is None, "the gateway", 20)
            yield House(gateway, kafka, store, settings, folder / "work" / "uploads", kafka.producer("test"))
        finally:
            gateway.stop()
            running.join(5)
        assert not running.is_alive()
