"""What all tests share: a mark by folder, and an environment without the developer's own settings."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from runtime.client_settings import ClientSettings
from runtime.settings import Settings
from tests.scheduling import in_turn, pytest_xdist_make_scheduler

__all__ = ["pytest_xdist_make_scheduler"]

if TYPE_CHECKING:
    from scripts.services.supervisor import Services

TESTS = Path(__file__).parent
TIERS = ("unit", "contract", "pipeline", "speech", "services")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`tests/unit/…` is marked `unit`, and so on, automatically. Several processes share them as `scheduling` says."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in TIERS:
            item.add_marker(folder)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items[:] = in_turn(items)


@pytest.fixture(scope="session")
def services() -> Iterator["Services"]:
    """The Kafka, MinIO and versitygw of `make services`, running and proven; ended afterwards if tests have started them.

    With `SERVICES=compose` Kafka and MinIO are the containers of docker-compose.yml. Where they cannot be had the test is
    skipped, and fails when `CI=true`. They are never built inside a test: minutes.
    """
    from scripts.services import compose, supervisor
    from scripts.services.cache import MissingToolchain

    refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    reason = supervisor.not_built()
    if reason:
        refuse(f"no real services: {reason}")
    try:
        with (compose if os.environ.get("SERVICES") == "compose" else supervisor).borrowed() as services:
            yield services
    except MissingToolchain as error:
        refuse(f"no real services: {error}")


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """Every line that murmur logs while the test runs, of any level and thread, as fields; nothing is written."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    """No `MURMUR_…` of the developer's shell and no `.env` of the checkout reaches a test or what it starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith("MURMUR_")]:
            patch.delenv(name)
        for kind in (Settings, ClientSettings):
            patch.setitem(kind.model_config, "env_file", None)
        yield
