"""The span of a record's handling: its parent, its end, and what the outputs of the record carry on."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from runtime.kafka.client import Kafka
from runtime.kafka.messages import Output, Partition, Received, Step
from runtime.kafka.spans import HandlingSpans, of_loop
from schemas.codec import Undecodable
from schemas.jobs import CancelRequested
from schemas.record import TraceContext
from schemas.topics import CANCELLATIONS
from tests.spans import PARENT_ID, TRACE_ID, TRACEPARENT, Spans, id_of, links_of, parent_of, recorded, trace_id_of

PLACE = Partition("requests", 3)


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded() as spans:
        yield spans


@pytest.fixture
def handling(spans: Spans) -> HandlingSpans:
    return of_loop("stage", Kafka("127.0.0.1:1"), lambda topic: f"stage.{topic}")


def record(offset: int = 7, traceparent: str | None = TRACEPARENT) -> Received[None]:
    headers = [("ce_id", b"an-id"), *([("traceparent", traceparent.encode())] if traceparent else [])]
    return Received(PLACE, offset, b"key", b"value", None, headers)


def output(trace: TraceContext | None = None) -> Output:
    event = CancelRequested.model_validate({"job_id": UUID(int=1), "work_id": "0" * 64, "requested_at": "2026-01-01T00:00:00Z"})
    return Output(CANCELLATIONS, "key", event.model_copy(update={"trace": trace}))


def test_a_span_is_the_child_of_the_one_in_the_headers_and_says_what_was_handled(spans: Spans, handling: HandlingSpans) -> None:
    handling.written(Step(settles=handling.began(record())))
    (span,) = spans.all()
    assert (span.name, span.kind, trace_id_of(span), parent_of(span)) == (
        "process murmur.requests",
        SpanKind.CONSUMER,
        TRACE_ID,
        PARENT_ID,
    )
    assert span.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "murmur.requests",
        "messaging.destination.partition.id": "3",
        "messaging.consumer.group.name": "murmur.stage.requests",
        "messaging.kafka.offset": 7,
        "messaging.message.id": "an-id",
    }


@pytest.mark.parametrize("traceparent", [None, "00-nonsense"])
def test_a_record_without_a_valid_trace_begins_one(spans: Spans, handling: HandlingSpans, traceparent: str | None) -> None:
    handling.written(Step(settles=handling.began(record(traceparent=traceparent))))
    (span,) = spans.all()
    assert parent_of(span) is None


@pytest.mark.parametrize("own", [None, TRACEPARENT])
def test_outputs_carry_the_span_of_their_record(spans: Spans, handling: HandlingSpans, own: str | None) -> None:
    begun = handling.began(record())
    trace = TraceContext(traceparent=own) if own else None
    (first,) = handling.written(Step(outputs=[output(trace)], of=begun)).outputs
    (last,) = handling.written(Step(outputs=[output(trace)], settles=begun)).outputs
    (span,) = spans.all()
    for written in (first, last):
        _, headers = written.encoded("murmur/stage")
        assert dict(headers)["traceparent"].decode() == f"00-{TRACE_ID}-{id_of(span)}-01"


def test_an_output_of_another_trace_keeps_it_and_is_linked(spans: Spans, handling: HandlingSpans) -> None:
    other = TraceContext(traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    (written,) = handling.written(Step(outputs=[output(other)], settles=handling.began(record()))).outputs
    assert dict(written.encoded("murmur/stage")[1])["traceparent"].decode() == other.traceparent
    (span,) = spans.all()
    assert links_of(span) == ["ab" * 16]


def test_a_dead_letter_is_an_error_with_its_reason(spans: Spans, handling: HandlingSpans) -> None:
    handling.written(Step(settles=handling.began(record()), dead=Undecodable("not_json", "a secret")))
    (span,) = spans.all()
    assert span.status.status_code == StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "not_json"
    assert "a secret" not in span.to_json()


def test_spans_of_what_is_not_settled_here_end_as_well(spans: Spans, handling: HandlingSpans) -> None:
    handling.began(record(1))
    handling.revoked([Partition("requests", 4)])
    assert spans.all() == []
    handling.revoked([PLACE])
    handling.began(record(2))
    handling.closed(failed=True)
    assert [(span.attributes or {})["error.type"] for span in spans.all()] == ["partition_revoked", "stage_failed"]
    assert [span.status.status_code for span in spans.all()] == [StatusCode.ERROR] * 2


def test_without_tracing_records_and_steps_stay_what_they_are() -> None:
    handling = of_loop("stage", Kafka("127.0.0.1:1"), lambda topic: topic)
    given = record()
    step = Step(outputs=[output()], settles=given)
    assert handling.began(given) is given
    assert handling.written(step) is step
