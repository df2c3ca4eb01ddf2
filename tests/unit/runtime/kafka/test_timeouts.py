"""Calls that may never return, and what their caller gets."""

import threading

import pytest

from runtime.kafka.timeouts import ClientHung, call_with_timeout


def test_a_call_that_comes_back_is_as_if_made_here() -> None:
    done: list[int] = []
    call_with_timeout(5.0, "a call", lambda: done.append(1))
    assert done == [1]


def test_what_a_call_raises_is_raised() -> None:
    def fails() -> None:
        raise KeyError("no")

    with pytest.raises(KeyError):
        call_with_timeout(5.0, "a call", fails)


def test_a_call_that_does_not_come_back_is_left_to_itself() -> None:
    never = threading.Event()
    with pytest.raises(ClientHung, match="a call has not returned"):
        call_with_timeout(0.05, "a call", never.wait)
    never.set()
