"""Tracing costs nothing unless it is switched on, and follows the caller's decision about what is recorded."""

from runtime import tracing
from schemas.record import TraceContext
from tests.spans import TRACEPARENT, recorded
from tests.test_architecture import SOURCES, imports_at_load, name, top


def test_nothing_imports_opentelemetry_before_it_is_switched_on() -> None:
    assert {name(file) for file in SOURCES if "opentelemetry" in set(map(top, imports_at_load(file)))} == {"runtime.otel"}
    assert [name(file) for file in SOURCES if "runtime.otel" in imports_at_load(file)] == []


def test_what_is_not_sampled_is_passed_on_as_not_sampled() -> None:
    parent = TraceContext(traceparent=TRACEPARENT.removesuffix("01") + "00", tracestate="a=1")
    with recorded() as spans:
        tracer = tracing.active("gateway")
        assert tracer is not None
        span = tracer.start("x", "internal", parent, {})
        context = span.context
        span.end()
    assert spans.all() == []
    assert context is not None
    assert (context.trace_id, context.traceparent[-2:], context.tracestate) == (parent.trace_id, "00", "a=1")
