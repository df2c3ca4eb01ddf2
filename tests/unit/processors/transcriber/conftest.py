"""A system for each test, ready to take chunks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.processors.transcriber.bench import StandIn, System


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    made = System(tmp_path, StandIn())
    made.engine.gate.set()
    yield made.start()
    made.engine.gate.set()
    made.handler.close()
    made.handler.close()


@pytest.fixture(autouse=True)
def _audio_arrives_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is requested first arrives first."""
    monkeypatch.setattr("processors.transcriber.stage.FETCHERS", 1)
