"""What OpenAI's clients may send, and what it means in a submission."""

import pytest

from producers.gateway.http.problems import Problem
from producers.gateway.openai.fields import AudioFields, TranscriptionFields, TranslationFields, also, field_of, parse
from producers.gateway.submission.options import SubmissionOptions
from schemas.options import HINT_LETTERS_MAX


def transcription(lists: dict[str, list[str]] | None = None, /, **fields: str) -> TranscriptionFields:
    return parse(TranscriptionFields, fields, lists or {})


def refused(lists: dict[str, list[str]] | None = None, /, **fields: str) -> Problem:
    with pytest.raises(Problem) as caught:
        transcription(lists, **fields)
    assert caught.value.status == 400
    return caught.value


def test_only_the_file_is_required() -> None:
    fields = transcription()
    assert (fields.model, fields.response_format, fields.stream) == ("whisper-1", "json", False)
    assert fields.submission() == {"task": "transcribe"}


def test_a_translation_is_a_task() -> None:
    assert parse(TranslationFields, {"prompt": "Ana"}, {}).submission() == {"task": "translate", "prompt": "Ana"}


def test_options_get_the_names_and_values_of_a_submission() -> None:
    fields = transcription({"keywords[]": ["Ana", "Belém"]}, language="pt-BR", prompt=" Olá. ", temperature="0.4")
    assert fields.submission() == {
        "task": "transcribe",
        "language": "pt-BR",
        "prompt": "Olá.",
        "hotwords": "Ana, Belém",
        "temperature": "0.4",
    }


def test_a_temperature_of_zero_is_raised_when_a_text_is_poor() -> None:
    assert transcription(temperature="0").submission()["temperature"] == "0,0.2,0.4,0.6,0.8,1"


def test_of_a_long_prompt_the_end_counts() -> None:
    assert transcription(prompt="a" * 3000 + "end").submission()["prompt"] == "a" * (HINT_LETTERS_MAX - 3) + "end"


def test_an_empty_prompt_is_none_whatever_the_settings_say() -> None:
    assert transcription(prompt="").submission()["prompt"] == ""


@pytest.mark.parametrize(("languages", "used"), [(["pt"], "pt"), (["pt", "en"], None), ([], None)])
def test_of_several_possible_languages_the_spoken_one_is_detected(languages: list[str], used: str | None) -> None:
    assert transcription({"languages[]": languages}).submission().get("language") == used


def test_granularities_choose_what_the_verbose_response_has() -> None:
    default = transcription(response_format="verbose_json")
    words = transcription({"timestamp_granularities[]": ["word"]}, response_format="verbose_json")
    both = transcription({"timestamp_granularities[]": ["word", "segment"]}, response_format="VERBOSE_JSON")
    assert (default.with_segments, default.with_words) == (True, False)
    assert (words.with_segments, words.with_words) == (False, True)
    assert (both.with_segments, both.with_words) == (True, True)
    assert words.submission()["words"] == "true"
    assert "words" not in default.submission()


def test_a_list_of_one_may_be_sent_without_brackets() -> None:
    assert transcription(response_format="verbose_json", timestamp_granularities="word").with_words


@pytest.mark.parametrize("response_format", ["json", "text", "srt", "vtt"])
def test_granularities_need_the_verbose_response(response_format: str) -> None:
    problem = refused({"timestamp_granularities[]": ["segment"]}, response_format=response_format)
    assert field_of(problem) == "timestamp_granularities"
    assert "verbose_json" in str(problem)


def test_granularities_without_brackets_count_where_they_can_and_are_ignored_elsewhere() -> None:
    """As the AI SDK of Vercel sends them with every request."""
    assert transcription(timestamp_granularities="segment") == transcription()
    both = transcription(timestamp_granularities="word, segment", response_format="verbose_json")
    assert both.timestamp_granularities == ("word", "segment")
    assert field_of(refused(timestamp_granularities="sentence", response_format="verbose_json")) == "timestamp_granularities"


def test_other_lists_may_be_one_text() -> None:
    assert transcription(keywords="Ana, Belém", languages="pt").submission() == {
        "task": "transcribe",
        "language": "pt",
        "hotwords": "Ana, Belém",
    }
    assert field_of(refused(include="logprobs")) == "include"


@pytest.mark.parametrize("response_format", ["json", "text", "srt", "vtt"])
def test_a_stream_has_text_alone(response_format: str) -> None:
    assert field_of(refused(stream="true", response_format="verbose_json")) == "response_format"
    assert transcription(stream="True", response_format=response_format).stream


VAD = {"vad_threshold": "0.6", "min_silence_duration_ms": "400", "speech_pad_ms": "200"}


def test_a_chunking_strategy_sets_the_speech_detection() -> None:
    as_json = '{"type": "server_vad", "threshold": 0.6, "silence_duration_ms": 400, "prefix_padding_ms": 200}'
    as_members = {
        "chunking_strategy[type]": "server_vad",
        "chunking_strategy[threshold]": "0.6",
        "chunking_strategy[silence_duration_ms]": "400",
        "chunking_strategy[prefix_padding_ms]": "200",
    }
    for fields in ({"chunking_strategy": as_json}, as_members):
        assert transcription(**fields).submission() == {"task": "transcribe", **VAD}
    assert transcription(chunking_strategy="auto").submission() == {"task": "transcribe"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", "1.5"),
        ("temperature", "hot"),
        ("temperature", "nan"),
        ("response_format", "diarized_json"),
        ("stream", "perhaps"),
        ("chunking_strategy", "manual"),
        ("chunking_strategy", "{not json"),
        ("chunking_strategy", '{"type": "other"}'),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(field: str, value: str) -> None:
    assert field_of(refused(**{field: value})) == field


@pytest.mark.parametrize(
    ("name", "value"), [("include[]", "logprobs"), ("timestamp_granularities[]", "sentence"), ("timestamp_granularities[]", "")]
)
def test_what_a_list_cannot_have_is_refused(name: str, value: str) -> None:
    if value:
        assert field_of(refused({name: [value]}, response_format="verbose_json")) == name.removesuffix("[]")
    else:
        assert transcription({name: [value]}).timestamp_granularities == ()


def test_unknown_fields_are_ignored_and_empty_ones_not_given() -> None:
    fields = transcription({"known_speaker_names[]": ["Ana"], "user[]": ["x"]}, user="somebody", temperature="", language=" ")
    assert fields == transcription()


def test_a_problem_of_an_option_names_the_field_that_was_sent() -> None:
    assert field_of(Problem(400, "bad_option", "too high", field="vad_threshold")) == "chunking_strategy"
    assert field_of(Problem(400, "unknown_language", "unknown")) == "language"
    assert field_of(Problem(413, "too_large", "too large")) is None


def test_other_options_of_a_submission_may_be_sent_as_well() -> None:
    given = {"beam_size": "1", "hotwords": "Tejo", "language": "pt", "model": "demo", "user": "x", "words": "true"}
    assert also(given) == {"beam_size": "1", "hotwords": "Tejo"}


def test_every_option_that_is_taken_from_the_request_is_one_of_a_submission() -> None:
    fields = transcription(
        {"keywords[]": ["a"], "timestamp_granularities[]": ["word"]},
        response_format="verbose_json",
        language="pt",
        prompt="a",
        temperature="0",
        chunking_strategy='{"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 1, "prefix_padding_ms": 1}',
    )
    assert fields.submission().keys() <= SubmissionOptions.model_fields.keys()
    assert AudioFields.model_fields.keys() <= TranscriptionFields.model_fields.keys()
