"""The trace context of a request, from its headers through every record of its job to the webhook."""

from structlog.typing import EventDict

from murmur.dev import Dev
from runtime.kafka.messages import Received
from schemas.topics import CHUNK_RESULTS, CHUNKS_INTERACTIVE, DECODES, JOBS, PROGRESS, REQUESTS, TRANSCRIPTS
from tests.clips import BY_NAME
from tests.contract.webhooks.receiver import Receiver
from tests.pipeline.client import Client
from tests.pipeline.reading import records

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACE = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01", "tracestate": "vendor=t61rcWkgMzE,other=00f067aa0ba902b7"}
TOPICS = (REQUESTS, DECODES, CHUNKS_INTERACTIVE, CHUNK_RESULTS, PROGRESS, JOBS, TRANSCRIPTS)


def headers(record: Received) -> dict[str, str]:
    """Those of the trace context."""
    return {name: value.decode() for name, value in record.headers if value is not None and name in TRACE}


def traced(system: Dev, trace: dict[str, str]) -> dict[str, int]:
    """How many records of each topic have these headers."""
    found = {topic.name: sum(headers(record) == trace for record in records(system, topic)) for topic in TOPICS}
    return {name: count for name, count in found.items() if count}


def submit(client: Client, webhook_url: str, **trace: str) -> str:
    content = BY_NAME["en-command.wav"].path.read_bytes()
    answer = client.post("traced.wav", content, trace, webhook_url=webhook_url, hotwords=trace.get("traceparent", "none"))
    assert answer.status == 202, answer.body
    return str(answer.json["task_id"])


def test_a_trace_goes_through_every_record_of_its_job_to_the_webhook(
    client: Client, system: Dev, logged: list[EventDict]
) -> None:
    with Receiver() as receiver:
        task_id = submit(client, receiver.url("/ok"), **TRACE)
        assert client.ended(task_id)["state"] == "SUCCESS"
        (got,) = receiver.wait("/ok", 1)

    assert {name: got.headers[name] for name in TRACE} == TRACE
    counts = traced(system, TRACE)
    assert counts.pop(JOBS.name) == 2  # STARTED, SUCCESS
    assert counts.pop(CHUNK_RESULTS.name) == 3  # opened, transcribed, closed
    assert counts == {topic.name: 1 for topic in (REQUESTS, DECODES, CHUNKS_INTERACTIVE, PROGRESS, TRANSCRIPTS)}
    with_trace = {line["event"] for line in logged if line.get("trace_id") == TRACE_ID}
    assert with_trace == {"job.requested", "file.sliced", "chunk.transcribed", "job.ended", "webhook.delivered"}


def test_without_a_valid_trace_nothing_has_one(client: Client) -> None:
    with Receiver() as receiver:
        client.ended(submit(client, receiver.url("/ok"), traceparent="00-not-a-trace", tracestate="a=1"))
        (got,) = receiver.wait("/ok", 1)
    assert set(TRACE).isdisjoint(name.lower() for name in got.headers)
