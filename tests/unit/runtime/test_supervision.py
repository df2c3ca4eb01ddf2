"""A stage in a thread that fails, and what becomes of it."""

import threading

import pytest

from runtime.errors import DeviceLost, MurmurError, UsageError
from runtime.supervision import RestartBackoff, Supervised
from tests.waiting import DEADLINE_S, wait_until


class Failing:
    """A stage that raises; when there is nothing left to raise it runs until it is stopped."""

    name = "failing"

    def __init__(self, failures: list[Exception]) -> None:
        self._failures = failures
        self._stopped = threading.Event()

    def run(self) -> None:
        if self._failures:
            raise self._failures.pop()
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()

    def not_ready(self) -> str | None:
        return None


def test_pauses_double_to_five_seconds_and_are_short_again_after_a_long_uptime() -> None:
    backoff = RestartBackoff()
    assert [round(backoff.after(1.0), 1) for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert [backoff.after(31.0), backoff.after(1.0)] == [0.2, 0.4]


def test_a_failed_stage_is_restarted_and_a_stop_ends_it() -> None:
    failures: list[Exception] = [MurmurError("the broker is away"), RuntimeError("a bug")]
    ends: list[BaseException | None] = []
    supervised = Supervised("failing", lambda: Failing(failures), lambda _name, error: ends.append(error))
    supervised.start()
    wait_until(lambda: not failures and supervised.not_ready() is None, "the third run")
    supervised.stop()
    assert supervised.join(DEADLINE_S)
    assert ends == [None]


@pytest.mark.parametrize("wrong", [UsageError("set MURMUR_MODEL"), DeviceLost("the GPU cannot be used by this process")])
def test_what_a_restart_in_this_process_cannot_help_is_not_tried_again(wrong: Exception) -> None:
    ends: list[BaseException | None] = []
    supervised = Supervised("failing", lambda: Failing([wrong]), lambda _name, error: ends.append(error))
    supervised.start()
    assert supervised.join(DEADLINE_S)
    assert ends == [wrong]
