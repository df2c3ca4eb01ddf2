"""A bench for each test."""

from pathlib import Path

import pytest

from tests.unit.processors.slicer.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.store.create()
    return made
