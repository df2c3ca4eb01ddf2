"""Requests that wait for their job's end, on a gateway without other stages: the official client of OpenAI, and what becomes of
the job when the client goes away."""

import http.client
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.audio import Transcription

from producers.gateway.submission import attended
from runtime.kafka.embedded import EmbeddedBroker
from schemas.jobs import JobRequested
from schemas.record import Failure
from schemas.segment import Segment
from tests.contract.gateway.running_gateway import (
    MULTIPART,
    RunningGateway,
    cancelled,
    embedded,
    finish,
    jobs,
    multipart,
    publish_state,
    running,
)
from tests.waiting import DEADLINE_S, wait_until

NAMES = (f"file {number}.wav" for number in count())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with embedded(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def abandoned_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attended, "RESUBMITTED_WITHIN_S", 0.1)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


class Call:
    """A transcription that is waited for in a thread."""

    def __init__(self, gateway: RunningGateway, pool: ThreadPoolExecutor, content: bytes = b"some audio", **options: Any) -> None:
        self.name = next(NAMES)
        self._gateway = gateway
        self.response: Future[Transcription] = pool.submit(self._transcribe, content, **options)

    def _transcribe(self, content: bytes, retries: int = 0, timeout_s: float = DEADLINE_S) -> Transcription:
        address = f"http://{self._gateway.netloc}/v1"
        with OpenAI(base_url=address, api_key="none", max_retries=retries, timeout=timeout_s) as client:
            return client.audio.transcriptions.create(model="whisper-1", file=(self.name, content))

    def job(self) -> JobRequested:
        (job,) = wait_until(lambda: jobs(self._gateway, self.name), "the job")
        return job


def test_a_response_comes_when_the_job_has_ended(gateway: RunningGateway, pool: ThreadPoolExecutor) -> None:
    call = Call(gateway, pool)
    job = call.job()
    publish_state(gateway, job, "STARTED")
    assert not call.response.done()
    finish(gateway, job, Segment(start=0, end=1, text="Olá."))
    assert call.response.result(DEADLINE_S).text == "Olá."


def test_a_job_that_fails_is_an_error_that_is_not_repeated(gateway: RunningGateway, pool: ThreadPoolExecutor) -> None:
    call = Call(gateway, pool, retries=2)
    publish_state(gateway, call.job(), "FAILURE", error=Failure(reason="crashes_engine", message="three crashes"))
    with pytest.raises(openai.InternalServerError) as caught:
        call.response.result(DEADLINE_S)
    assert (caught.value.status_code, caught.value.code) == (500, "job_failed")
    assert "three crashes" in str(caught.value)
    assert caught.value.request_id == str(call.job().job.job_id)


@pytest.mark.parametrize(
    ("reason", "code"), [("corrupt", "corrupt"), ("too_much_memory", "undecodable"), ("unknown_track", "unknown_track")]
)
def test_a_file_that_cannot_be_decoded_is_an_error_of_the_request(
    gateway: RunningGateway, pool: ThreadPoolExecutor, reason: str, code: str
) -> None:
    call = Call(gateway, pool, retries=2)
    publish_state(gateway, call.job(), "FAILURE", error=Failure(reason=reason, message="no"))
    with pytest.raises(openai.BadRequestError) as caught:
        call.response.result(DEADLINE_S)
    assert (caught.value.code, caught.value.param) == (code, "file")


def test_a_job_that_somebody_cancels_is_a_conflict_that_is_not_repeated(
    gateway: RunningGateway, pool: ThreadPoolExecutor
) -> None:
    call = Call(gateway, pool, retries=2)
    publish_state(gateway, call.job(), "REVOKED")
    with pytest.raises(openai.ConflictError) as caught:
        call.response.result(DEADLINE_S)
    assert caught.value.code == "job_cancelled"
    assert call.job().job.filename == call.name  # one alone


@contextmanager
def waiting_client(gateway: RunningGateway, content: bytes) -> Iterator[JobRequested]:
    """A client that waits for the end of its job, and disconnects."""
    name = next(NAMES)
    connection = http.client.HTTPConnection(gateway.netloc, timeout=DEADLINE_S)
    connection.request("POST", "/v1/audio/transcriptions", multipart([("model", "whisper-1")], content, name), MULTIPART)
    (job,) = wait_until(lambda: jobs(gateway, name), "the job")
    yield job
    connection.close()


def test_a_client_that_disconnects_cancels_its_job(gateway: RunningGateway) -> None:
    with waiting_client(gateway, b"abandoned") as job:
        publish_state(gateway, job, "STARTED")
        assert str(job.job.job_id) not in cancelled(gateway)
    wait_until(lambda: str(job.job.job_id) in cancelled(gateway), "the cancellation")


def test_a_client_that_has_its_response_cancels_nothing(gateway: RunningGateway, pool: ThreadPoolExecutor) -> None:
    call = Call(gateway, pool)
    finish(gateway, call.job(), Segment(start=0, end=1, text="Olá."))
    call.response.result(DEADLINE_S)
    with waiting_client(gateway, b"not read") as later:
        publish_state(gateway, later, "STARTED")
    wait_until(lambda: str(later.job.job_id) in cancelled(gateway), "the cancellation of the later one")
    assert str(call.job().job.job_id) not in cancelled(gateway)


def test_a_request_that_is_repeated_continues_the_work_of_the_job_that_was_cancelled(
    gateway: RunningGateway, pool: ThreadPoolExecutor
) -> None:
    with waiting_client(gateway, b"repeated") as first:
        pass
    call = Call(gateway, pool, b"repeated")
    second = call.job()
    wait_until(lambda: str(first.job.job_id) in cancelled(gateway), "the cancellation of the first")
    assert second.work.work_id == first.work.work_id
    finish(gateway, second, Segment(start=0, end=1, text="Olá."))
    assert call.response.result(DEADLINE_S).text == "Olá."
    assert str(second.job.job_id) not in cancelled(gateway)


def test_at_the_limit_the_response_names_the_job_which_goes_on(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    with embedded(tmp_path, response_wait_s=0.3) as gateway:
        call = Call(gateway, pool, retries=1)
        with pytest.raises(openai.InternalServerError) as caught:
            call.response.result(DEADLINE_S)
        newest, first = jobs(gateway, call.name)
        job_id = str(newest.job.job_id)
        assert newest.work.work_id == first.work.work_id  # nothing is transcribed twice
        assert (caught.value.status_code, caught.value.code) == (504, "still_running")
        assert f"/api/transcribe/async/status/{job_id}" in str(caught.value)
        assert cancelled(gateway) == set()


def test_a_gateway_that_stops_leaves_the_job(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    with EmbeddedBroker() as broker:
        with running(broker.kafka(), tmp_path) as gateway:
            wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
            call = Call(gateway, pool)
            call.job()
            gateway.stage.stop()
            with pytest.raises(openai.APIError):
                call.response.result(DEADLINE_S)
        assert cancelled(gateway) == set()
