"""The arithmetic of the overhead benchmark."""

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from benchmarks.overhead import child, report
from benchmarks.overhead.meter import UNNAMED, Meter, Spent
from benchmarks.overhead.report import Round


class Work:
    """Each method takes some CPU of the given clock."""

    def __init__(self, clock: SimpleNamespace) -> None:
        self._clock = clock

    def outer(self) -> None:
        self._clock.now_s += 1.0
        self.inner()

    def inner(self) -> None:
        self._clock.now_s += 10.0

    def items(self) -> Iterator[int]:
        for number in range(3):
            self._clock.now_s += 100.0
            yield number


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now_s=0.0)
    monkeypatch.setattr(time, "thread_time", lambda: clock.now_s)
    return clock


@pytest.fixture
def counted() -> type[Work]:
    return type("Counted", (Work,), {})


def test_a_step_counts_without_the_steps_that_it_calls(clock: SimpleNamespace, counted: type[Work]) -> None:
    steps = Meter()
    steps.count(counted, "outer", "outer")
    steps.count(counted, "inner", "inner")

    counted(clock).outer()

    assert steps.spent().steps_s == {"outer": 1.0, "inner": 10.0}


def test_a_generator_counts_its_own_turns_and_not_what_is_done_between_them(clock: SimpleNamespace, counted: type[Work]) -> None:
    steps = Meter()
    steps.count_generator(counted, "items", "items")

    for _ in counted(clock).items():
        clock.now_s += 7.0

    assert steps.spent().steps_s == {"items": 300.0}


def test_every_step_of_a_job_is_a_function_that_is_there() -> None:
    missing = [(owner.__name__, name) for owner, name, _ in [*child.steps(), *child.generators()] if not hasattr(owner, name)]

    assert missing == []


def spent(seconds: float, cpu_s: float) -> Spent:
    return Spent(seconds, cpu_s, {"pool_0": cpu_s / 4, "pool_1": 3 * cpu_s / 4}, {"step": cpu_s}, {"step": 10.0})


def test_the_overhead_is_reported_with_and_without_the_idle_cost() -> None:
    idle = Spent(5.0, 1.0, {}, {}, {})
    busy = Spent(10.0, 9.0, {UNNAMED: 3.0}, {"decode and cut": 0.5, "speech detection": 0.5, "records, encode": 1.0}, {})

    line = Round(idle, busy, start_s=4.0, polls=0, bare_s=5.0, reference_s=9.0).line(10)

    assert "500 ms a job, 300 without the idle cost" in line


def test_the_table_has_medians_and_the_threads_of_a_pool_together() -> None:
    rounds = [Round(spent(5.0, 0.0), spent(10.0, cpu_s), 4.0, 0, 0.0, 0.0) for cpu_s in (1.0, 2.0, 9.0)]

    rows = [row.split() for row in report.table(rounds, 10).splitlines()]

    assert ["200.00", "pool"] in rows
    assert ["200.00", "step", "(1.0", "a", "job)"] in rows
