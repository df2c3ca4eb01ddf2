"""The events of a job, and how a client continues after a lost connection, at the same or another gateway."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from producers.gateway.jobs import events
from schemas.jobs import JobRequested
from schemas.segment import Segment
from tests import event_stream
from tests.contract.gateway.running_gateway import (
    API,
    RunningGateway,
    finish,
    progressed,
    publish_state,
    running,
    status,
    submitted,
)
from tests.waiting import wait_until


def listening(
    gateway: RunningGateway, submission: JobRequested, last_id: str = ""
) -> AbstractContextManager[Iterator[event_stream.Event]]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    return event_stream.listening(gateway.netloc, f"{API}/{submission.job.job_id}/events", headers)


def segments(*texts: str) -> list[Segment]:
    return [Segment(start=index, end=index + 1, text=text) for index, text in enumerate(texts)]


def started(gateway: RunningGateway) -> JobRequested:
    submission = submitted(gateway)
    publish_state(gateway, submission, "STARTED")
    return submission


def test_events_have_the_states_the_segments_in_order_of_time_and_the_end(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    with listening(gateway, submission) as stream:
        assert (next(stream).data["state"]) == "PENDING"
        publish_state(gateway, submission, "STARTED")
        assert (next(stream).data["state"]) == "STARTED"
        progressed(gateway, submission, 0.3, "dois", index=1)
        early = next(stream)
        progressed(gateway, submission, 0.6, "um", index=0)
        both = next(stream)
        finish(gateway, submission, *segments("um", "dois", "três"))
        rest, end = stream

    assert (early.kind, early.data["share"], early.texts) == ("progress", 0.3, [])
    assert (both.kind, both.data["share"], both.texts) == ("progress", 0.6, ["um", "dois"])
    assert (rest.kind, rest.texts) == ("progress", ["três"])
    assert (end.kind, end.data["state"]) == ("status", "SUCCESS")
    assert [segment["text"] for segment in end.data["result"]["transcription"]["segments"]] == ["um", "dois", "três"]


def test_the_status_events_before_the_end_repeat_no_segment(gateway: RunningGateway) -> None:
    submission = started(gateway)
    progressed(gateway, submission, 0.3, "um")
    wait_until(lambda: status(gateway, submission)["progress"]["segments"], "the segment")
    with listening(gateway, submission) as stream:
        first, second = next(stream), next(stream)

    assert (first.kind, first.data["progress"]["segments"]) == ("status", [])
    assert (second.kind, second.texts) == ("progress", ["um"])


def test_a_client_continues_at_another_gateway_which_received_the_chunks_in_another_order(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    submission = started(gateway)
    progressed(gateway, submission, 0.2, "um", index=0)
    wait_until(lambda: status(gateway, submission)["progress"]["segments"], "the segment")
    with listening(gateway, submission) as stream:
        next(stream)
        last_id = next(stream).id
    progressed(gateway, submission, 0.6, "três", index=2)
    progressed(gateway, submission, 0.6, "dois", index=1)
    with running(gateway.kafka, tmp_path) as other:
        wait_until(lambda: other.get(f"{API}/status/{submission.job.job_id}").status == 200, "the job")
        wait_until(lambda: len(status(other, submission)["progress"]["segments"]) == 3, "the segments")
        with listening(other, submission, last_id) as stream:
            following = next(stream)

    assert (following.kind, following.texts) == ("progress", ["dois", "três"])


def test_a_client_that_reconnects_after_the_end_gets_what_it_lacks_and_the_end(gateway: RunningGateway) -> None:
    submission = started(gateway)
    progressed(gateway, submission, 0.5, "um")
    wait_until(lambda: status(gateway, submission)["progress"]["segments"], "the segment")
    with listening(gateway, submission) as stream:
        next(stream)
        last_id = next(stream).id
    finish(gateway, submission, *segments("um", "dois"))
    with listening(gateway, submission, last_id) as stream:
        rest, end = stream
    with listening(gateway, submission, end.id) as stream:
        again = list(stream)

    assert (rest.kind, rest.texts) == ("progress", ["dois"])
    assert (end.kind, end.data["state"]) == ("status", "SUCCESS")
    assert [(event.kind, event.data["state"]) for event in again] == [("status", "SUCCESS")]


def test_a_new_run_with_the_same_text_goes_on_where_the_old_one_was(gateway: RunningGateway) -> None:
    submission = started(gateway)
    with listening(gateway, submission) as stream:
        next(stream)
        progressed(gateway, submission, 0.5, "um", index=0)
        assert next(stream).texts == ["um"]
        progressed(gateway, submission, 0.5, "dois", index=1, run="0-2")
        progressed(gateway, submission, 0.6, "um", index=0, run="0-2")
        following = next(event for event in stream if event.texts)

    assert (following.kind, following.texts) == ("progress", ["dois"])


def test_a_new_run_with_another_text_replaces_what_the_old_one_had(gateway: RunningGateway) -> None:
    submission = started(gateway)
    with listening(gateway, submission) as stream:
        next(stream)
        progressed(gateway, submission, 0.5, "um", index=0)
        assert next(stream).texts == ["um"]
        progressed(gateway, submission, 0.5, "one", index=0, run="0-2")
        restart, following = next(stream), next(stream)
        finish(gateway, submission, *segments("eins", "zwei"))
        last = list(stream)

    assert (restart.kind, following.kind, following.texts) == ("restart", "progress", ["one"])
    assert [event.kind for event in last] == ["restart", "progress", "status"]
    assert last[1].texts == ["eins", "zwei"]


@pytest.mark.parametrize("last_id", ["what", "STARTED.x", "STARTED.1.abc", "\xb2"])
def test_an_id_that_is_not_of_these_segments_starts_again(gateway: RunningGateway, last_id: str) -> None:
    submission = submitted(gateway)
    finish(gateway, submission, *segments("um"))
    with listening(gateway, submission, last_id) as stream:
        got = list(stream)

    assert [event.kind for event in got] == ["restart", "progress", "status"]
    assert got[1].texts == ["um"]


def test_events_of_a_cancelled_job_are_its_status(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    publish_state(gateway, submission, "REVOKED")
    with listening(gateway, submission) as stream:
        assert [(event.kind, event.data["state"]) for event in stream] == [("status", "REVOKED")]


def test_a_heartbeat_keeps_a_connection_open_on_which_nothing_happens(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.01)
    with listening(gateway, submitted(gateway)) as stream:
        assert [next(stream).kind for _ in range(3)] == ["status", "comment", "comment"]


def test_a_gateway_that_stops_ends_the_events_and_a_client_continues_elsewhere(gateway: RunningGateway, tmp_path: Path) -> None:
    submission = started(gateway)
    with running(gateway.kafka, tmp_path) as other:
        wait_until(lambda: other.get(f"{API}/status/{submission.job.job_id}").status == 200, "the job")
        with listening(other, submission) as stream:
            first = next(stream)
            other.stage.stop()
            assert list(stream) == []
    finish(gateway, submission, *segments("um"))
    with listening(gateway, submission, first.id) as stream:
        assert [event.kind for event in stream] == ["progress", "status"]
