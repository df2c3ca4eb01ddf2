"""Natural speech through the interfaces of other services, with original weights: text, times and words are those of the job."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from openai.types.audio import TranscriptionTextDeltaEvent, TranscriptionTextDoneEvent

from benchmarks.speech import files, recordings
from murmur.dev import Dev
from runtime.settings import Settings
from tests.pipeline.client import Client
from tests.speech.conftest import Weights
from tests.waiting import DEADLINE_S

NAMES = recordings.FOLDER / "names.flac"


@pytest.fixture(scope="module")
def system(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    values = {
        "model": "tiny.en",
        "models_dir": weights("tiny.en").parent,
        "device": "cpu",
        "data_dir": tmp_path_factory.mktemp("openai"),
        "gateway_port": 0,
    }
    with Dev(Settings.model_validate(values)) as system:
        system.wait_ready(DEADLINE_S)
        yield system


@pytest.fixture(scope="module")
def openai(system: Dev) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{system.address}/v1", api_key="none", max_retries=0) as client:
        yield client


def own_result(system: Dev, task_id: str) -> dict[str, Any]:
    assert system.address is not None
    status = Client(system.address).ended(task_id)
    transcription: dict[str, Any] = status["result"]["transcription"]
    return transcription


def test_segments_and_words_are_those_of_the_job(system: Dev, openai: OpenAI) -> None:
    response = openai.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=NAMES, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    verbose = response.parse()
    own = own_result(system, str(response.headers["x-request-id"]))
    assert verbose.text == own["text"]
    assert len(verbose.text.split()) > 15
    assert [(each.text.strip(), each.start, each.end) for each in verbose.segments or ()] == [
        (each["text"], each["start"], each["end"]) for each in own["segments"]
    ]
    spoken = [word for segment in own["segments"] for word in segment["words"]]
    assert [(each.word, each.start, each.end) for each in verbose.words or ()] == [
        (each["word"].strip(), each["start"], each["end"]) for each in spoken
    ]


def test_a_stream_of_several_chunks_has_the_text_of_the_job_in_order(system: Dev, openai: OpenAI) -> None:
    file = files.get("unbroken")
    with openai.audio.transcriptions.create(model="whisper-1", file=("unbroken.wav", file.data), stream=True) as stream:
        *deltas, done = list(stream)
        own = own_result(system, str(stream.response.headers["x-request-id"]))
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert len(deltas) > 1
    assert "".join(each.delta for each in deltas if isinstance(each, TranscriptionTextDeltaEvent)) == done.text == own["text"]
