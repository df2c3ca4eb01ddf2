"""Which trace contexts are taken over from a request, by the examples and limits of the W3C's specification."""

import pytest
from multidict import CIMultiDict

from producers.gateway.http.trace import trace_context

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"


def parsed(*lines: tuple[str, str]) -> tuple[str | None, str | None]:
    """traceparent and tracestate."""
    found = trace_context(CIMultiDict(lines))
    return (None, None) if found is None else (found.traceparent, found.tracestate)


def with_state(*states: str) -> str | None:
    return parsed(("traceparent", VALID), *(("tracestate", state) for state in states))[1]


def test_a_valid_parent_is_taken_over_unchanged() -> None:
    found = trace_context(CIMultiDict([("Traceparent", VALID), ("Tracestate", "congo=t61rcWkgMzE")]))
    assert found is not None
    assert (found.traceparent, found.tracestate, found.trace_id) == (VALID, "congo=t61rcWkgMzE", TRACE)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        TRACE,
        VALID + "-extra",
        VALID.upper(),
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}",
        f"01-{TRACE}-{PARENT}-01.x",
    ],
)
def test_an_invalid_parent_is_none_and_its_state_means_nothing(parent: str) -> None:
    assert parsed(("traceparent", parent), ("tracestate", "a=1")) == (None, None)


def test_two_parents_are_none() -> None:
    assert parsed(("traceparent", VALID), ("traceparent", VALID)) == (None, None)


def test_of_a_later_version_is_taken_over_what_version_0_has() -> None:
    assert parsed(("traceparent", f"cc-{TRACE}-{PARENT}-01-what-the-future-has"))[0] == VALID


def test_several_lines_of_state_are_one_list() -> None:
    assert with_state("a=1, b=2", "", "c@tenant=3") == "a=1,b=2,c@tenant=3"


@pytest.mark.parametrize("state", ["", "a", "A=1", "a=1,a=2", "a=1\x7f", ",".join(f"k{n}=1" for n in range(33))])
def test_state_that_is_not_well_formed_is_left_out(state: str) -> None:
    assert parsed(("traceparent", VALID), ("tracestate", state)) == (VALID, None)


def test_long_state_loses_long_members_and_then_the_last_ones() -> None:
    short = [f"k{n}={'v' * 60}" for n in range(10)]
    assert with_state(f"long={'v' * 200}," + ",".join(short)) == ",".join(short[:8])
