"""The official client of OpenAI's API on a whole system: every format, streams, and errors as its exceptions."""

import asyncio
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI, omit
from openai.types.audio import TranscriptionTextDeltaEvent, TranscriptionTextDoneEvent, TranscriptionVerbose, TranslationVerbose

from murmur.dev import Dev
from schemas.jobs import JobRequested
from schemas.topics import REQUESTS
from tests.clips import BY_NAME, without_samples, word_errors
from tests.pipeline.client import Client
from tests.pipeline.reading import events
from tests.waiting import DEADLINE_S

WHISPER = "whisper-1"
COMMAND = BY_NAME["en-command.wav"]
LONG = BY_NAME["en-two-minutes.flac"]


@pytest.fixture(scope="module")
def openai(system: Dev) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{system.address}/v1", api_key="none", max_retries=0) as client:
        yield client


def result(client: Client, task_id: str) -> dict[str, Any]:
    """That of the job, as murmur's own interface has it."""
    status = client.ended(task_id)
    assert status["state"] == "SUCCESS"
    transcription: dict[str, Any] = status["result"]["transcription"]
    return transcription


def test_the_text_is_that_of_the_job_whose_id_the_response_has(openai: OpenAI, client: Client) -> None:
    response = openai.audio.transcriptions.with_raw_response.create(model=WHISPER, file=COMMAND.path)
    transcription = response.parse()
    own = result(client, str(response.headers["x-request-id"]))

    assert transcription.text == own["text"]
    assert word_errors(COMMAND.text, transcription.text) <= COMMAND.wer_max
    assert transcription.usage is not None
    assert transcription.usage.model_dump() == {"type": "duration", "seconds": own["duration"]}


def test_subtitles_are_those_of_murmurs_own_files(openai: OpenAI, client: Client) -> None:
    task_id = client.submit(COMMAND.path)
    client.ended(task_id)
    for name in ("srt", "vtt"):
        text = openai.audio.transcriptions.create(model=WHISPER, file=COMMAND.path, response_format=name)
        assert text == client.transcript(task_id, name).body.decode()
    text = openai.audio.transcriptions.create(model=WHISPER, file=COMMAND.path, response_format="text")
    assert text == result(client, task_id)["text"] + "\n"


def test_a_verbose_response_has_segments_and_words_as_requested(openai: OpenAI, client: Client) -> None:
    def verbose(*granularities: Literal["word", "segment"]) -> TranscriptionVerbose:
        return openai.audio.transcriptions.create(
            model=WHISPER,
            file=COMMAND.path,
            response_format="verbose_json",
            timestamp_granularities=list(granularities) or omit,
        )

    task_id = client.submit(COMMAND.path, words="true")
    own = result(client, task_id)
    default, words, both = verbose(), verbose("word"), verbose("word", "segment")

    assert default.words is None
    assert words.segments is None
    assert default.language == both.language == "english"
    assert both.duration == own["duration"]
    assert both.segments is not None
    assert "".join(segment.text for segment in both.segments) == f" {own['text']}"
    assert [(one.start, one.end) for one in both.segments] == [(one["start"], one["end"]) for one in own["segments"]]
    assert both.words is not None
    assert words.words == both.words
    spoken = [word for segment in own["segments"] for word in segment["words"]]
    assert [(one.word, one.start, one.end) for one in both.words] == [
        (one["word"].strip(), one["start"], one["end"]) for one in spoken
    ]


def test_a_translation_is_a_job_with_that_task(openai: OpenAI, client: Client) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):  # by OpenAI, since its models that translate end in 2027
        response = openai.audio.translations.with_raw_response.create(
            model=WHISPER, file=COMMAND.path, response_format="verbose_json"
        )
    translation = response.parse()
    assert isinstance(translation, TranslationVerbose)
    own = client.transcript(str(response.headers["x-request-id"]), "json").json
    assert own["task"] == "translate"
    assert translation.text == own["text"]
    assert translation.language == "english"


def test_the_deltas_of_a_stream_are_its_text_in_order_of_time(openai: OpenAI, client: Client) -> None:
    with openai.audio.transcriptions.create(model=WHISPER, file=LONG.path, language="en", stream=True) as stream:
        received = list(stream)
        task_id = str(stream.response.headers["x-request-id"])

    *deltas, done = received
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert len(deltas) > 1
    assert all(isinstance(delta, TranscriptionTextDeltaEvent) and delta.delta for delta in deltas)
    assert "".join(delta.delta for delta in deltas if isinstance(delta, TranscriptionTextDeltaEvent)) == done.text
    assert done.text == result(client, task_id)["text"]


def test_the_asynchronous_client_works_as_well(system: Dev, client: Client) -> None:
    async def transcribe() -> tuple[str, list[str]]:
        async with AsyncOpenAI(base_url=f"{system.address}/v1", api_key="none", max_retries=0) as openai:
            whole = await openai.audio.transcriptions.create(model=WHISPER, file=COMMAND.path)
            stream = await openai.audio.transcriptions.create(model=WHISPER, file=COMMAND.path, stream=True)
            return whole.text, [event.text async for event in stream if isinstance(event, TranscriptionTextDoneEvent)]

    text, streamed = asyncio.run(transcribe())
    assert streamed == [text]
    assert word_errors(COMMAND.text, text) <= COMMAND.wer_max


def test_what_the_client_sends_are_options_of_the_job(openai: OpenAI, system: Dev) -> None:
    response = openai.audio.transcriptions.with_raw_response.create(
        model="demo",
        file=COMMAND.path,
        prompt="In the garden.",
        temperature=0.2,
        language="en",
        keywords=["radio", "garden"],
        chunking_strategy={"type": "server_vad", "threshold": 0.4},
        extra_body={"beam_size": 2, "user": "somebody"},
    )
    task_id = str(response.headers["x-request-id"])
    (requested,) = events(system, REQUESTS, JobRequested, lambda each: str(each.job.job_id) == task_id)
    decoding, slicing = requested.work.decoding, requested.work.slicing
    assert (decoding.prompt, decoding.hotwords, decoding.temperature) == ("In the garden.", "radio, garden", (0.2,))
    assert (decoding.language, decoding.beam_size, slicing.vad_threshold) == ("en", 2, 0.4)


def test_errors_are_the_clients_exceptions(openai: OpenAI) -> None:
    with pytest.raises(NotFoundError) as caught:
        openai.audio.transcriptions.create(model="gpt-4o-transcribe", file=COMMAND.path)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    with pytest.raises(BadRequestError) as refused:
        openai.audio.transcriptions.create(model=WHISPER, file=COMMAND.path, language="tlh")
    assert (refused.value.code, refused.value.param) == ("unknown_language", "language")
    for content, code in ((b"no audio", "unsupported"), (b"", "empty")):
        with pytest.raises(BadRequestError) as unreadable:
            openai.audio.transcriptions.create(model=WHISPER, file=("talk.wav", content))
        assert (unreadable.value.code, unreadable.value.param) == (code, "file")


def test_a_file_that_only_decoding_shows_to_be_unreadable_is_an_error_of_the_request(openai: OpenAI) -> None:
    with pytest.raises(BadRequestError) as caught:
        openai.audio.transcriptions.create(model=WHISPER, file=("talk.wav", without_samples()))
    assert (caught.value.code, caught.value.param) == ("no_audio", "file")
    assert caught.value.response.headers["x-should-retry"] == "false"


# Other clients


FILE = ("whisper_audio.wav", COMMAND.path.read_bytes(), "audio/wav")
REQUESTS_OF_OTHERS: dict[str, dict[str, Any]] = {
    "Open WebUI": {"data": {"model": WHISPER}, "files": {"file": FILE}},
    "Home Assistant, openai_stt": {
        "files": {
            "file": FILE,
            "model": (None, WHISPER),
            "language": (None, "en"),
            "prompt": (None, ""),
            "temperature": (None, "0"),
            "response_format": (None, "json"),
        }
    },
    "LiteLLM": {
        "data": {"model": WHISPER, "response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]},
        "files": {"file": FILE},
    },
    "Dify": {
        "data": {"model": WHISPER, "language": "en", "prompt": "convert the audio to text"},
        "files": [("file", ("file", FILE[1]))],
    },
    "AI SDK of Vercel": {
        "data": {"model": WHISPER, "temperature": "0", "timestamp_granularities": "segment"},
        "files": {"file": ("audio", FILE[1], "audio/wav")},
    },
}


@pytest.mark.parametrize("name", REQUESTS_OF_OTHERS)
def test_the_requests_of_other_clients_are_answered_with_the_text(client: Client, name: str) -> None:
    headers = {"Authorization": "Bearer anything"}
    url = f"{client.address}/v1/audio/transcriptions"
    answer = httpx.post(url, headers=headers, timeout=DEADLINE_S, **REQUESTS_OF_OTHERS[name]).raise_for_status()
    assert word_errors(COMMAND.text, answer.json()["text"]) <= COMMAND.wer_max


def test_a_body_of_unknown_length_is_read(client: Client) -> None:
    """As LibreChat sends it: axios does not know the length of a stream."""
    request = httpx.Request("POST", f"{client.address}/v1/audio/transcriptions", data={"model": WHISPER}, files={"file": FILE})
    body, content_type = request.read(), request.headers["Content-Type"]
    pieces = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    answer = httpx.post(request.url, content=pieces, headers={"Content-Type": content_type}, timeout=DEADLINE_S)
    assert word_errors(COMMAND.text, answer.raise_for_status().json()["text"]) <= COMMAND.wer_max
