"""The web page of a running gateway, in a browser; jobs are what the tests publish as the coordinator would."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from runtime.kafka.embedded import EmbeddedBroker
from tests.browsing import browsing
from tests.contract.gateway.running_gateway import RunningGateway, running
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """On the embedded broker alone: the page is the same with any."""
    folder = tmp_path_factory.mktemp("page")
    with EmbeddedBroker() as broker, running(broker.kafka(), folder, allowed_hosts="speech.example") as gateway:
        wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
        yield gateway


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser
