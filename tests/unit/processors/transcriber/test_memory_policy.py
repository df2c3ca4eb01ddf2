"""Readings of a GPU's memory, and what is done about each: a table, and whole courses."""

import pytest

from processors.transcriber.memory_policy import CALM_READINGS, Limits, Reading, Relief, relieved

LIMITS = Limits(threshold=0.9, batch_max=16, model_bytes=30)
CALM = CALM_READINGS - 1


def at(percent: int) -> Reading:
    return Reading(percent, 100)


@pytest.mark.parametrize(
    ("now", "percent", "has_idle", "then"),
    [
        pytest.param(Relief(16), 50, False, Relief(16), id="enough memory"),
        pytest.param(Relief(16), 90, False, Relief(16), id="at the threshold, not above"),
        pytest.param(Relief(16), 91, True, Relief(8), id="first smaller batches"),
        pytest.param(Relief(3), 91, True, Relief(1), id="down to one window"),
        pytest.param(Relief(1), 91, True, Relief(1, unload_idle=True), id="then idle models"),
        pytest.param(Relief(1, unload_idle=True), 91, False, Relief(1, on_cpu=True), id="then the CPU"),
        pytest.param(Relief(1, unload_idle=True), 85, True, Relief(1), id="unloading is done once"),
        pytest.param(Relief(4, calm=3), 85, False, Relief(4), id="not enough for larger batches"),
        pytest.param(Relief(4, calm=3), 80, False, Relief(4, calm=4), id="enough, but not for long"),
        pytest.param(Relief(4, calm=CALM), 80, False, Relief(8), id="larger batches"),
        pytest.param(Relief(12, calm=CALM), 80, False, Relief(16), id="at most as configured"),
        pytest.param(Relief(4, calm=CALM), 95, False, Relief(2), id="a peak begins again"),
        pytest.param(Relief(1, on_cpu=True), 95, True, Relief(1, on_cpu=True), id="on the CPU nothing more is done"),
        pytest.param(Relief(1, on_cpu=True, calm=CALM), 51, False, Relief(1, on_cpu=True), id="the model would not fit"),
        pytest.param(Relief(1, on_cpu=True, calm=CALM), 50, False, Relief(1), id="back, since the model fits"),
        pytest.param(Relief(1, on_cpu=True, calm=1), 50, False, Relief(1, on_cpu=True, calm=2), id="but not at once"),
    ],
)
def test_one_step_for_each_reading(now: Relief, percent: int, has_idle: bool, then: Relief) -> None:
    assert relieved(now, at(percent), LIMITS, has_idle=has_idle) == then


def test_from_the_largest_batches_to_the_cpu_and_back() -> None:
    relief, course = Relief(4), []
    for percent in [95] * 4 + [10] * (3 * CALM_READINGS):
        relief = relieved(relief, at(percent), Limits(0.9, 4, 30), has_idle=False)
        course.append((relief.batch_size, relief.on_cpu))
    assert list(dict.fromkeys(course)) == [(2, False), (1, False), (1, True), (4, False)]
    assert relief == Relief(4)
