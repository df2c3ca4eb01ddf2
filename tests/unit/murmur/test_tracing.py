"""Tracing is switched on by the address of a collector; a missing extra is reported, not fatal."""

import sys

import pytest
from structlog.typing import EventDict

from murmur.tracing import set_up
from runtime import tracing
from runtime.settings import Settings


def test_it_is_off_without_a_collector() -> None:
    set_up(Settings(), "murmur")
    assert tracing.active("gateway") is None


def test_it_is_on_with_the_standard_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    set_up(Settings(), "murmur")
    try:
        assert tracing.active("gateway") is not None
    finally:
        tracing.close()
    assert tracing.active("gateway") is None


def test_without_the_extra_a_line_says_what_to_install(logged: list[EventDict], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "runtime.otel", None)
    set_up(Settings(otel_exporter_otlp_endpoint="http://127.0.0.1:1"), "murmur")
    assert tracing.active("gateway") is None
    (line,) = logged
    assert line["event"] == "tracing.unavailable"
