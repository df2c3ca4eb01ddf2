"""The text of a job as a stream of OpenAI's events, read by the official client, on a gateway without other stages."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from queue import Queue
from typing import Literal

import openai
import pytest
from openai import OpenAI
from openai.types.audio import TranscriptionTextDeltaEvent, TranscriptionTextDoneEvent

from producers.gateway.submission import attended
from schemas.jobs import JobRequested
from schemas.record import Failure
from schemas.segment import Segment
from schemas.sound import SAMPLE_RATE_HZ
from schemas.topics import PROGRESS
from schemas.work import WorkProgressed
from tests.contract.gateway.running_gateway import (
    API,
    RunningGateway,
    cancelled,
    embedded,
    finish,
    jobs,
    publish_state,
    status,
)
from tests.waiting import DEADLINE_S, wait_until

Form = Literal["json", "srt", "vtt"]
NAMES = (f"file {number}.wav" for number in count())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with embedded(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


class Reading:
    """A client that reads a stream in a thread, to its end or to its first delta."""

    def __init__(
        self, gateway: RunningGateway, pool: ThreadPoolExecutor, form: Form = "json", *, to_the_end: bool = True
    ) -> None:
        self._gateway = gateway
        self._form = form
        self._to_the_end = to_the_end
        self.name = next(NAMES)
        self.deltas: Queue[str] = Queue()
        self.text: Future[str] = pool.submit(self._read)
        (self.job,) = wait_until(lambda: jobs(gateway, self.name), "the job")

    def _read(self) -> str:
        with (
            OpenAI(base_url=f"http://{self._gateway.netloc}/v1", api_key="none", max_retries=0, timeout=DEADLINE_S) as client,
            client.audio.transcriptions.create(
                model="whisper-1", file=(self.name, self.name.encode()), stream=True, response_format=self._form
            ) as stream,
        ):
            for event in stream:
                if isinstance(event, TranscriptionTextDeltaEvent):
                    self.deltas.put(event.delta)
                    if not self._to_the_end:
                        return ""
                elif isinstance(event, TranscriptionTextDoneEvent):
                    return event.text
        raise AssertionError("the stream has no end")

    def all_deltas(self) -> str:
        deltas: list[str] = []
        while not self.deltas.empty():
            deltas.append(self.deltas.get())
        return "".join(deltas)


@pytest.fixture
def reading(gateway: RunningGateway) -> Iterator[Reading]:
    with ThreadPoolExecutor() as pool:
        yield Reading(gateway, pool)


def segment(index: int, text: str) -> Segment:
    return Segment(start=index, end=index + 1, text=text)


def progressed(gateway: RunningGateway, job: JobRequested, index: int, text: str, *, may_change: bool = False) -> None:
    """Chunk number `index` is done; returns when the gateway has it."""
    span = (index * SAMPLE_RATE_HZ, (index + 1) * SAMPLE_RATE_HZ)
    work_id = job.work.work_id
    event = WorkProgressed(
        work_id=work_id, run="0-1", span=span, share=0.5, segments=(segment(index, text),), index=index, may_change=may_change
    )
    gateway.publish(PROGRESS, work_id, event)
    wait_until(lambda: text in [each["text"] for each in status(gateway, job)["progress"]["segments"]], text)


def test_text_is_sent_in_order_of_time_as_soon_as_what_is_before_it_is_there(gateway: RunningGateway, reading: Reading) -> None:
    progressed(gateway, reading.job, 1, "two")
    progressed(gateway, reading.job, 0, "one")
    first = reading.deltas.get(timeout=DEADLINE_S)
    assert first.startswith("one")

    finish(gateway, reading.job, *(segment(index, text) for index, text in enumerate(("one", "two", "three"))))
    assert reading.text.result(DEADLINE_S) == first + reading.all_deltas() == "one two three"


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_are_sent_cue_by_cue_and_whole_at_the_end(gateway: RunningGateway, form: Form) -> None:
    with ThreadPoolExecutor() as pool:
        reading = Reading(gateway, pool, form)
        for index, text in enumerate(("one", "two")):
            progressed(gateway, reading.job, index, text)
        first = reading.deltas.get(timeout=DEADLINE_S)
        finish(gateway, reading.job, *(segment(index, text) for index, text in enumerate(("one", "two", "three"))))
        whole = gateway.get(f"{API}/{reading.job.job.job_id}/transcript.{form}").body.decode()
        assert reading.text.result(DEADLINE_S) == first + reading.all_deltas() == whole
    assert "one" in first
    assert "two" not in first  # when it ends depends on what follows


def test_text_that_may_still_change_is_held_back(gateway: RunningGateway, reading: Reading) -> None:
    """And with it all that follows: what was sent cannot be taken back."""
    progressed(gateway, reading.job, 0, "um", may_change=True)
    progressed(gateway, reading.job, 1, "two")
    progressed(gateway, reading.job, 0, "one")
    first = reading.deltas.get(timeout=DEADLINE_S)
    assert first.startswith("one")
    finish(gateway, reading.job, segment(0, "one"), segment(1, "two"))
    assert reading.text.result(DEADLINE_S) == first + reading.all_deltas() == "one two"


def test_what_was_held_back_until_the_end_is_sent_then(gateway: RunningGateway, reading: Reading) -> None:
    progressed(gateway, reading.job, 0, "um", may_change=True)
    finish(gateway, reading.job, segment(0, "um"), segment(1, "dois"))
    assert reading.text.result(DEADLINE_S) == reading.all_deltas() == "um dois"


def test_a_file_in_which_nobody_speaks_has_an_end_alone(gateway: RunningGateway, reading: Reading) -> None:
    finish(gateway, reading.job)
    assert reading.text.result(DEADLINE_S) == reading.all_deltas() == ""


def test_a_failure_before_any_text_is_an_error_of_the_request(gateway: RunningGateway, reading: Reading) -> None:
    publish_state(gateway, reading.job, "FAILURE", error=Failure(reason="corrupt", message="nothing could be decoded"))
    with pytest.raises(openai.BadRequestError) as caught:
        reading.text.result(DEADLINE_S)
    assert caught.value.code == "corrupt"


def test_a_failure_after_the_first_text_ends_the_stream_with_an_error(gateway: RunningGateway, reading: Reading) -> None:
    progressed(gateway, reading.job, 0, "one")
    assert reading.deltas.get(timeout=DEADLINE_S) == "one"
    publish_state(gateway, reading.job, "FAILURE", error=Failure(reason="crashes_engine", message="three crashes"))
    with pytest.raises(openai.APIError, match="three crashes") as caught:
        reading.text.result(DEADLINE_S)
    assert caught.value.code == "job_failed"


def test_a_client_that_stops_reading_cancels_its_job(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attended, "RESUBMITTED_WITHIN_S", 0.1)
    with ThreadPoolExecutor() as pool:
        reading = Reading(gateway, pool, to_the_end=False)
        progressed(gateway, reading.job, 0, "one")
        reading.text.result(DEADLINE_S)
        wait_until(lambda: str(reading.job.job.job_id) in cancelled(gateway), "the cancellation")
