"""What all tests share: a mark by folder, and an environment without the developer's own settings."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from murmur.settings import Settings

TESTS = Path(__file__).parent
TIERS = ("unit", "contract", "pipeline", "services")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`tests/unit/…` is marked `unit`, and so on: nobody has to remember it."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in TIERS:
            item.add_marker(folder)


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    """No `MURMUR_…` of the developer's shell and no `.env` of the checkout reaches a test or what it starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith("MURMUR_")]:
            patch.delenv(name)
        patch.setitem(Settings.model_config, "env_file", None)
        yield
