"""A batch is in the trace of its first chunk, and linked to those of the others."""

from processors.transcriber.batch_spans import BatchSpans
from processors.transcriber.held import Held
from runtime.kafka.messages import Partition, Received
from schemas.record import TraceContext
from tests.spans import TRACE_ID, TRACEPARENT, links_of, recorded, trace_id_of
from tests.unit.processors.transcriber.chunks import CHUNK

OTHER = f"00-{'ab' * 16}-{'cd' * 8}-01"


def held(offset: int, traceparent: str | None) -> Held:
    trace = TraceContext(traceparent=traceparent) if traceparent else None

    return Held(Received(Partition("chunks.bulk", 0), offset, b"key", b"", CHUNK, trace=trace), CHUNK, b"")


def test_a_batch_of_several_traces_is_in_the_first_and_linked_to_the_others() -> None:
    with recorded() as spans:
        batch_spans, batch = BatchSpans(), [held(0, TRACEPARENT), held(1, OTHER), held(2, OTHER), held(3, None)]
        batch_spans.began(batch)
        batch_spans.ended(batch, None)
    (span,) = spans.all()
    assert (span.name, trace_id_of(span), links_of(span)) == ("transcribe batch", TRACE_ID, ["ab" * 16])
    assert span.attributes == {"murmur.model": batch[0].model.name, "murmur.batch.windows": 4}


def test_a_batch_that_failed_is_an_error_without_its_message() -> None:
    with recorded() as spans:
        batch_spans, batch = BatchSpans(), [held(0, TRACEPARENT)]
        batch_spans.began(batch)
        batch_spans.ended(batch, RuntimeError("what the model said"))
        batch_spans.ended(batch, None)
    (span,) = spans.all()
    assert (span.attributes or {})["error.type"] == "RuntimeError"
    assert "what the model said" not in span.to_json()


def test_without_tracing_nothing_is_recorded() -> None:
    batch_spans, batch = BatchSpans(), [held(0, TRACEPARENT)]
    batch_spans.began(batch)
    batch_spans.ended(batch, None)
    with recorded() as spans:
        assert spans.all() == []
