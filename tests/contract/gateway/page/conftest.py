"""The web page of a running gateway, in a browser; jobs are what the tests publish as the coordinator would."""

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

import pytest
from playwright.sync_api import Browser

from runtime.kafka.embedded import EmbeddedBroker
from schemas.audio import ProbedAudio
from schemas.options import SlicingOptions
from tests.browsing import browsing
from tests.contract.gateway.page.speech import CLIP
from tests.contract.gateway.running_gateway import RunningGateway, resources, running_with
from tests.waiting import wait_until


class Probe:
    """Every file states the length of the clip."""

    def start(self) -> None: ...

    def close(self) -> None: ...

    def __call__(self, file: BinaryIO, options: SlicingOptions) -> ProbedAudio | None:
        return ProbedAudio(container="wav", codec="pcm_s16le", duration_s=CLIP.duration_s)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """On the embedded broker alone: the page is the same with any."""
    options = {"allowed_hosts": "speech.example"}
    with EmbeddedBroker() as broker:
        parts = resources(broker.kafka(), tmp_path_factory.mktemp("page"), options)
        with running_with(replace(parts, probe=Probe())) as gateway:
            wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
            yield gateway


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser
