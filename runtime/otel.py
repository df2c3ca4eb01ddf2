"""Tracing by OpenTelemetry's SDK, from the extra [otel]. Imported only where tracing is on.

The SDK reads the standard variables `OTEL_…` itself: sampler, resource attributes, headers of the exporter and so on.
"""

import logging
import threading
from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from runtime.logs import hide
from runtime.outage import Outage
from runtime.tracing import CLOSE_S, Attributes, Kind, Span, Tracer
from schemas.record import TraceContext

KINDS = {
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "producer": trace.SpanKind.PRODUCER,
    "consumer": trace.SpanKind.CONSUMER,
    "internal": trace.SpanKind.INTERNAL,
}
UNNAMED = "unknown_service"  # the SDK's, where OTEL_SERVICE_NAME is not set
ERROR_TYPE = "error.type"
EXPORTERS = "opentelemetry.exporter"
_HEADERS = TraceContextTextMapPropagator()


class OpenTelemetry:
    """Implements `runtime.tracing.Tracing`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    @classmethod
    def exporting(cls, endpoint: str, service: str) -> "OpenTelemetry":
        """To a collector, in batches, by a thread of its own. `endpoint`: without the path of traces."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        hide(EXPORTERS, below=logging.CRITICAL)  # a line for every attempt
        exporter = _Watched(OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces"), endpoint)
        provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    def tracer(self, stage: str) -> Tracer:
        return _Tracer(self._provider.get_tracer(f"murmur.{stage}"))

    def close(self) -> None:
        """A collector that does not answer must not hold up the end of the process."""
        closing = threading.Thread(target=self._provider.shutdown, name="tracing-close", daemon=True)
        closing.start()
        closing.join(CLOSE_S)


class _Watched(SpanExporter):
    """Reports that the collector does not take spans, once, and when it takes them again."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._refusal = ConnectionError(f"no collector takes spans at {endpoint}")
        self._outage = Outage("tracing")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._outage.ended()
        else:
            self._outage.started(self._refusal)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _Tracer:
    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def start(
        self, name: str, kind: Kind, parent: TraceContext | None, attributes: Attributes, links: Sequence[TraceContext] = ()
    ) -> Span:
        context = _HEADERS.extract(parent.headers) if parent is not None else trace.set_span_in_context(trace.INVALID_SPAN)
        found = [trace.Link(each) for each in map(_span_context, links)]
        return _Span(self._tracer.start_span(name, context, KINDS[kind], dict(attributes), found))


class _Span:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def context(self) -> TraceContext | None:
        headers: dict[str, str] = {}
        _HEADERS.inject(headers, trace.set_span_in_context(self._span))
        return TraceContext.model_validate(headers) if headers else None

    def link(self, trace: TraceContext) -> None:
        self._span.add_link(_span_context(trace))

    def end(self, attributes: Attributes | None = None, *, name: str | None = None, error: str | None = None) -> None:
        if name is not None:
            self._span.update_name(name)
        self._span.set_attributes(dict(attributes or {}))
        if error is not None:
            self._span.set_attribute(ERROR_TYPE, error)
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()


def _span_context(of: TraceContext) -> trace.SpanContext:
    return trace.get_current_span(_HEADERS.extract(of.headers)).get_span_context()


def _resource(service: str) -> Resource:
    found = Resource.create()
    if str(found.attributes[SERVICE_NAME]).startswith(UNNAMED):
        found = found.merge(Resource({SERVICE_NAME: service}))
    return found
