"""Spans of records, by the conventions for messaging: https://opentelemetry.io/docs/specs/semconv/messaging/kafka/

A stage's handling of a record is a span, from its receipt until it is settled. The outputs of a record carry the context of that
span in their headers, so that the next stage's span is its child.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from runtime import tracing
from runtime.kafka.client import Kafka
from runtime.kafka.messages import E, Output, Partition, Received, Step
from runtime.tracing import Span, Tracer
from schemas.record import Record, TraceContext

GroupOf = Callable[[str], str]


class HandlingSpans(Protocol):
    """For a loop's thread."""

    def began(self, record: Received[E]) -> Received[E]:
        """The record, with the context of its span."""

    def written(self, step: Step) -> Step:
        """The step, its outputs with the context of the span of their record, which ends if the record is settled."""

    def revoked(self, partitions: Iterable[Partition]) -> None:
        """Their records are not settled here."""

    def closed(self, *, failed: bool) -> None:
        """No record is settled here any more."""


def of_loop(stage: str, kafka: Kafka, group_of: GroupOf) -> HandlingSpans:
    """`group_of`: the consumer group that reads a topic."""
    active = tracing.active(stage)
    return _Spans(kafka, group_of, active) if active is not None else _NoSpans()


@contextmanager
def sending(client: str, kafka: Kafka, output: Output) -> Iterator[Output]:
    """While a record that has a trace is sent, and until it is acknowledged. The output, with the context of the span."""
    active, own = tracing.active(client), _own(output)
    if active is None or own is None:
        yield output
        return
    topic = kafka.name(output.topic)
    span = active.start(f"send {topic}", "producer", own, _attributes("send", topic))
    error: str | None = None
    try:
        yield replace(output, trace=span.context)
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        span.end(error=error)


class _NoSpans:
    def began(self, record: Received[E]) -> Received[E]:
        return record

    def written(self, step: Step) -> Step:
        return step

    def revoked(self, partitions: Iterable[Partition]) -> None:
        """There are none."""

    def closed(self, *, failed: bool) -> None:
        """There are none."""


class _Spans:
    def __init__(self, kafka: Kafka, group_of: GroupOf, tracer: Tracer) -> None:
        self._kafka = kafka
        self._group_of = group_of
        self._tracer = tracer
        self._spans: dict[tuple[Partition, int], Span] = {}

    def began(self, record: Received[E]) -> Received[E]:
        topic = self._kafka.prefix + record.topic
        attributes = {
            **_attributes("process", topic),
            "messaging.destination.partition.id": str(record.partition.number),
            "messaging.consumer.group.name": self._kafka.group(self._group_of(record.topic)),
            "messaging.kafka.offset": record.offset,
        }
        if message_id := _header(record, "ce_id"):
            attributes["messaging.message.id"] = message_id
        span = self._tracer.start(f"process {topic}", "consumer", _parent(record), attributes)
        self._spans[record.partition, record.offset] = span
        return replace(record, trace=span.context)

    def written(self, step: Step) -> Step:
        record = step.record
        span = self._spans.get((record.partition, record.offset)) if record is not None else None
        if span is None:
            return step
        outputs = [_within(span, output) for output in step.outputs]
        if step.settles is not None:
            del self._spans[step.settles.partition, step.settles.offset]
            span.end(error=step.dead.reason if step.dead is not None else None)
        return replace(step, outputs=outputs)

    def revoked(self, partitions: Iterable[Partition]) -> None:
        gone = set(partitions)
        for place in [place for place in self._spans if place[0] in gone]:
            self._spans.pop(place).end(error="partition_revoked")

    def closed(self, *, failed: bool) -> None:
        for span in self._spans.values():
            span.end(error="stage_failed" if failed else "stage_stopped")
        self._spans.clear()


def _attributes(operation: str, topic: str) -> dict[str, str | int]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
    }


def _within(span: Span, output: Output) -> Output:
    """A record of another trace, such as that of a job that waited for the same work, keeps its own; the span is linked to it."""
    own, context = _own(output), span.context
    if own is not None and context is not None and own.trace_id != context.trace_id:
        span.link(own)
        return output
    return replace(output, trace=context)


def _own(output: Output) -> TraceContext | None:
    return output.value.trace_context if isinstance(output.value, Record) else None


def _parent(record: Received[E]) -> TraceContext | None:
    parent = _header(record, "traceparent")
    return TraceContext(traceparent=parent, tracestate=_header(record, "tracestate")) if parent else None


def _header(record: Received[E], name: str) -> str | None:
    value = next((value for header, value in record.headers if header == name), None)
    return value.decode(errors="replace") if value else None
