"""A gateway on a loopback port, over each of the brokers and a directory store."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from tests.contract.gateway.running_gateway import RunningGateway, running
from tests.waiting import wait_until

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
def gateway(broker: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One for all tests of a module; each makes jobs of its own."""
    limits = {"max_upload_bytes": 12 * 1024 * 1024, "webhook_secret": SECRET}
    with running(broker, tmp_path_factory.mktemp("gateway"), **limits) as gateway:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        yield gateway
