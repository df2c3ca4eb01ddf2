"""The parameters of whisper-asr-webservice, and what they mean in a submission."""

import pytest

from producers.gateway.asr.query import AsrQuery, DetectQuery
from producers.gateway.http.problems import Problem
from producers.gateway.http.routes import parse_query
from producers.gateway.submission.options import SubmissionOptions, parse_submission
from runtime.models import catalogue


def query(**parameters: str) -> AsrQuery:
    parsed = parse_query(AsrQuery, parameters)
    assert isinstance(parsed, AsrQuery)
    return parsed


def options(**parameters: str) -> SubmissionOptions:
    return parse_submission(query(**parameters).submission(), catalogue.resolve("demo"))


def test_nothing_is_required() -> None:
    assert (query().output, query().is_pcm) == (None, False)
    assert options().requested() == {"task": "transcribe", "words": False}


def test_parameters_are_options_of_a_submission() -> None:
    given = options(task="Translate", language="Portuguese", initial_prompt=" Ana ", vad_filter="true", word_timestamps="1")
    assert given.requested() == {"task": "translate", "language": "pt", "prompt": "Ana", "vad": True, "words": True}


def test_what_forks_of_the_service_have_is_used_or_ignored() -> None:
    """As Speakr sends it."""
    sent = {"encode": "True", "diarize": "True", "enable_diarization": "True", "min_speakers": "2", "model": "large-v3"}
    assert query(**sent) == query(encode="true")
    assert options(**sent, hotwords=" Tejo, Belém ").requested()["hotwords"] == "Tejo, Belém"
    assert "hotwords" not in options(hotwords=" ").requested()


def test_the_output_text_is_txt() -> None:
    assert query(output="text").output == query(output="TXT").output == "txt"


def test_speech_detection_is_switched_off_only_on_request() -> None:
    assert options(vad_filter="False").vad is False
    assert options(vad_filter="").vad is None


@pytest.mark.parametrize(("encode", "is_pcm"), [("false", True), ("False", True), ("0", True), ("true", False), ("", False)])
def test_a_file_that_is_not_to_be_encoded_is_samples(encode: str, is_pcm: bool) -> None:
    assert query(encode=encode).is_pcm is is_pcm
    parsed = parse_query(DetectQuery, {"encode": encode})
    assert isinstance(parsed, DetectQuery)
    assert parsed.is_pcm is is_pcm


def test_unknown_parameters_are_ignored_and_empty_ones_not_given() -> None:
    assert query(video_file="/films/a.mkv", method="openai-whisper", task="", output="", word_timestamps="") == query()


@pytest.mark.parametrize(("name", "value"), [("output", "docx"), ("task", "summarise"), ("encode", "perhaps")])
def test_a_wrong_value_is_refused(name: str, value: str) -> None:
    with pytest.raises(Problem) as caught:
        query(**{name: value})
    assert caught.value.document["parameter"] == name
