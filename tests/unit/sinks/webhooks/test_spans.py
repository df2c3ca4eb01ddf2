"""The span of an attempt: its parent, its outcome, and no part of the URL that may be secret."""

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from schemas.record import TraceContext
from sinks.webhooks.spans import posting
from tests.spans import PARENT_ID, TRACEPARENT, id_of, parent_of, recorded

TRACE = TraceContext(traceparent=TRACEPARENT)


@pytest.mark.parametrize(
    ("outcome", "status_code", "status"), [("delivered", 204, StatusCode.UNSET), ("gone", 410, StatusCode.ERROR)]
)
def test_an_attempt_is_a_child_of_its_job_and_the_receivers_parent(outcome: str, status_code: int, status: StatusCode) -> None:
    with recorded() as spans, posting("https://user.example:8443/hook?token=hidden", TRACE) as posted:
        posted.outcome, posted.status_code = outcome, status_code
        sent = posted.trace
    (span,) = spans.all()
    assert (span.name, span.kind, parent_of(span), span.status.status_code) == ("POST", SpanKind.CLIENT, PARENT_ID, status)
    assert sent is not None
    assert id_of(span) in sent.traceparent
    attributes = dict(span.attributes or {})
    assert attributes.pop("error.type", "delivered") == outcome
    assert attributes == {
        "http.request.method": "POST",
        "server.address": "user.example",
        "server.port": 8443,
        "http.response.status_code": status_code,
    }


def test_an_attempt_that_was_cancelled_says_so() -> None:
    with recorded() as spans, pytest.raises(KeyError), posting("https://user.example/", TRACE):
        raise KeyError
    (span,) = spans.all()
    assert dict(span.attributes or {})["error.type"] == "cancelled"


def test_without_tracing_the_receiver_gets_the_trace_as_it_came() -> None:
    with posting("https://user.example/", TRACE) as posted:
        assert posted.trace is TRACE
