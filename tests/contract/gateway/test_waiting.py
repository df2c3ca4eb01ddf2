"""Status requests that wait: for a change, for the end, or until their time is over."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from producers.gateway.jobs import endpoints
from schemas.jobs import JobRequested
from schemas.segment import Segment
from tests.contract.gateway.running_gateway import (
    API,
    Answer,
    RunningGateway,
    finish,
    is_problem,
    progressed,
    publish_state,
    running,
    submitted,
)
from tests.waiting import DEADLINE_S, wait_until


def waiting() -> float:
    """Requests, at all gateways of this process."""
    return REGISTRY.get_sample_value("murmur_http_following", {"kind": "status"}) or 0.0


@contextmanager
def polling(gateway: RunningGateway, submission: JobRequested, query: str) -> Iterator[list[Answer]]:
    """The list has the answer when the block has ended."""
    answers: list[Answer] = []
    path = f"{API}/status/{submission.job.job_id}?{query}"
    poll = threading.Thread(target=lambda: answers.append(gateway.get(path)))
    before = waiting()
    poll.start()
    wait_until(lambda: waiting() > before, "the request to wait")
    yield answers
    poll.join(DEADLINE_S)
    assert not poll.is_alive()


def test_a_waiting_request_is_answered_when_the_state_changes(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    with polling(gateway, submission, "wait=60") as answers:
        publish_state(gateway, submission, "STARTED")
    assert answers[0].json["state"] == "STARTED"


def test_a_waiting_request_is_answered_when_there_is_progress(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    publish_state(gateway, submission, "STARTED")
    with polling(gateway, submission, "wait=60&until=change") as answers:
        progressed(gateway, submission, 0.5, "Olá.")
    assert answers[0].json["progress"]["share"] == 0.5


def test_a_request_that_waits_for_the_end_is_not_answered_before(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    with polling(gateway, submission, "wait=60&until=ended") as answers:
        publish_state(gateway, submission, "STARTED")
        progressed(gateway, submission, 0.5, "Olá.")
        finish(gateway, submission, Segment(start=0, end=1, text="Olá."))
    assert answers[0].json["state"] == "SUCCESS"


def test_a_waiting_request_is_answered_when_its_time_is_over(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    answer = gateway.get(f"{API}/status/{submission.job.job_id}?wait=0.01")
    assert (answer.status, answer.json["state"]) == (200, "PENDING")


def test_nobody_waits_for_a_job_that_has_ended(gateway: RunningGateway) -> None:
    submission = submitted(gateway)
    publish_state(gateway, submission, "REVOKED")
    assert gateway.get(f"{API}/status/{submission.job.job_id}?wait=60").json["state"] == "REVOKED"


def test_a_gateway_that_stops_answers_those_who_wait(gateway: RunningGateway, tmp_path: Path) -> None:
    submission = submitted(gateway)
    with running(gateway.kafka, tmp_path) as other:
        wait_until(lambda: other.get(f"{API}/status/{submission.job.job_id}").status == 200, "the job")
        with polling(other, submission, "wait=60") as answers:
            other.stage.stop()
    assert (answers[0].status, answers[0].json["state"]) == (200, "PENDING")


def test_a_wait_beyond_the_most_is_answered_after_the_most(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "WAIT_MAX_S", 0.05)
    submission = submitted(gateway)
    answer = gateway.get(f"{API}/status/{submission.job.job_id}?wait=1000000000000")
    assert (answer.status, answer.json["state"]) == (200, "PENDING")


@pytest.mark.parametrize("query", ["wait=-1", "wait=x", "wait=nan", "wait=inf", "wait=", "until=later", "wait=1&wait=2"])
def test_a_wait_that_is_out_of_bounds_is_a_bad_request(gateway: RunningGateway, query: str) -> None:
    submission = submitted(gateway)
    problem = is_problem(gateway.get(f"{API}/status/{submission.job.job_id}?{query}"), 400)
    assert problem["reason"] == "bad_parameter"
