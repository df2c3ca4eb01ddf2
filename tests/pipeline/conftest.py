"""The whole system in one process, as `murmur dev` builds it, with the real demo model."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from murmur.dev import Dev
from processors.slicer.sandbox import probe_budget, prober
from runtime.settings import Settings
from tests.ended import SECRET
from tests.pipeline.client import Client
from tests.waiting import DEADLINE_S


@pytest.fixture(scope="session")
def settings_factory(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Settings]:
    """Settings of a system of its own: a fresh data folder and any free port."""

    def make(**more: object) -> Settings:
        data = tmp_path_factory.mktemp("murmur")
        values = {"model": "demo", "data_dir": data, "gateway_port": 0, "settle_s": 0.2, **more}
        return Settings.model_validate(values)

    return make


@pytest.fixture(scope="module", autouse=True)  # not the session: other tests of the same process are about the limits
def probes_may_take_long() -> Iterator[None]:
    """On a busy machine a probe may take longer than it may in production, and these tests are about what it finds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prober, "READY_WITHIN_S", DEADLINE_S)
        patch.setattr(prober, "PROBED_WITHIN_S", DEADLINE_S)
        patch.setattr(probe_budget, "SLOW_MAX_S", math.inf)
        yield


@pytest.fixture(scope="session")
def system(settings_factory: Callable[..., Settings]) -> Iterator[Dev]:
    """One system for all tests that only use it from outside. Webhooks may go to this machine, and files come from it."""
    own_network = {"webhook_allow_private": True, "fetch_allow_private": True}
    with Dev(settings_factory(webhook_secret=SecretStr(SECRET), **own_network)) as system:
        system.wait_ready(DEADLINE_S)
        yield system


@pytest.fixture
def client(system: Dev) -> Client:
    assert system.address is not None
    return Client(system.address)


@pytest.fixture(scope="session")
def inbox(system: Dev) -> Path:
    assert system.settings.inbox is not None
    return system.settings.inbox


@pytest.fixture(scope="session")
def outbox(system: Dev) -> Path:
    assert system.settings.outbox is not None
    return system.settings.outbox
