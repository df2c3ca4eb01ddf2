"""The order of the tests in several processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from tests.scheduling import in_turn


@dataclass(frozen=True)
class Named:
    nodeid: str


def order(nodeids: Sequence[str]) -> list[str]:
    found = in_turn(cast("list[pytest.Item]", [Named(nodeid) for nodeid in nodeids]))
    return [cast(Any, item).nodeid for item in found]


def test_files_that_compute_and_files_that_wait_come_in_turn() -> None:
    speech = ["tests/speech/test_a.py::one", "tests/speech/test_a.py::two", "tests/speech/test_b.py::one"]
    others = ["tests/services/test_c.py::one", "tests/unit/test_d.py::one", "tests/unit/test_e.py::one"]
    assert order([*speech, *others]) == [others[0], *speech[:2], others[1], speech[2], others[2]]


def test_files_that_share_a_system_stay_together() -> None:
    shared = ["tests/pipeline/test_dlq.py::one", "tests/pipeline/test_http.py::one"]
    between = "tests/pipeline/test_cli.py::one"
    assert order([shared[0], between, shared[1]]) == [*shared, between]


def test_no_test_is_lost_or_doubled() -> None:
    nodeids = [f"tests/{tier}/test_{name}.py::{test}" for tier in ("speech", "unit") for name in "abc" for test in ("one", "two")]
    assert sorted(order(nodeids)) == sorted(nodeids)
