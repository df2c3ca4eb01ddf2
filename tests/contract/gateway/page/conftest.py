"""The web page of a running gateway, in a browser; jobs are what the tests publish as the coordinator would."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browsing import browsing
from tests.contract.gateway.running_gateway import RunningGateway, embedded


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """On the embedded broker alone: the page is the same with any."""
    folder = tmp_path_factory.mktemp("page")
    with embedded(folder, allowed_hosts="speech.example") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser
