"""What the fields of a submission may say, and what the refusals name."""

from typing import get_args

import pytest

from producers.gateway.http.filenames import display_name
from producers.gateway.http.problems import Problem
from producers.gateway.submission.options import KNOWN, SubmissionOptions, parse_submission
from runtime.formats import FORMATS
from runtime.models import catalogue
from schemas.jobs import FormatName
from schemas.options import ALL_FILTERS

DEMO = catalogue.resolve("demo")


def test_no_options_request_nothing() -> None:
    assert parse_submission({}, DEMO) == SubmissionOptions()


EVERY_FIELD = {
    "model": "demo",
    "language": " PT ",
    "task": "translate",
    "words": "true",
    "multilingual": "0",
    "initial_prompt": " Ana, Belém ",
    "hotwords": "Tejo",
    "beam_size": "1",
    "temperature": "0, 0.4",
    "suppress_tokens": "50,-1",
    "filters": "silence,phantoms",
    "no_speech_threshold": "0.5",
    "log_prob_threshold": "-0.8",
    "compression_ratio_threshold": "2",
    "letters_threshold": "0",
    "silence_margin_db": "9",
    "vad": "off",
    "vad_threshold": "0.6",
    "min_speech_duration_ms": "250",
    "min_silence_duration_ms": "500",
    "speech_pad_ms": "0",
    "max_chunk_s": "12.5",
    "loudness": "yes",
    "highpass": "TRUE",
    "lane": "Bulk",
    "priority": "LOW",
    "formats": "vtt, SRT,vtt",
    "no_cache": "true",
    "correct": "false",
    "webhook_url": "https://example.org:8443/hook?x=1",
    "track": " 2 ",
}


def test_every_field_is_recognised() -> None:
    assert set(KNOWN) == {"file", "prompt", *EVERY_FIELD}
    options = parse_submission(EVERY_FIELD, DEMO)
    assert (options.min_speech_duration_ms, options.min_silence_duration_ms, options.speech_pad_ms) == (250, 500, 0)
    assert (options.lane, options.webhook_url) == ("bulk", "https://example.org:8443/hook?x=1")
    assert (options.formats, options.no_cache, options.correct) == (("vtt", "srt"), True, False)
    assert options.requested() == {
        "language": "pt",
        "task": "translate",
        "words": True,
        "multilingual": False,
        "prompt": "Ana, Belém",
        "hotwords": "Tejo",
        "beam_size": 1,
        "temperature": (0.0, 0.4),
        "suppress_tokens": (-1, 50),
        "filters": ("phantoms", "silence"),
        "no_speech_threshold": 0.5,
        "log_prob_threshold": -0.8,
        "compression_ratio_threshold": 2.0,
        "letters_threshold": 0.0,
        "silence_margin_db": 9.0,
        "vad": False,
        "vad_threshold": 0.6,
        "min_speech_s": 0.25,
        "min_silence_s": 0.5,
        "speech_pad_s": 0.0,
        "max_chunk_s": 12.5,
        "loudness": True,
        "highpass": True,
        "track": 2,
    }


@pytest.mark.parametrize(
    ("fields", "lane"),
    [
        ({}, None),
        ({"priority": "normal"}, None),
        ({"priority": "high"}, "interactive"),
        ({"priority": "low"}, "bulk"),
        ({"priority": "high", "lane": "interactive"}, "interactive"),
        ({"lane": "bulk"}, "bulk"),
    ],
)
def test_a_priority_names_a_lane(fields: dict[str, str], lane: str | None) -> None:
    assert parse_submission(fields, DEMO).chosen_lane == lane


@pytest.mark.parametrize("fields", [{"priority": "high", "lane": "bulk"}, {"priority": "normal", "lane": "bulk"}])
def test_a_priority_that_contradicts_the_lane_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        parse_submission(fields, DEMO)
    assert refused.value.document["field"] == "priority"


def test_the_formats_are_those_that_can_be_written() -> None:
    assert get_args(FormatName) == tuple(FORMATS)
    for wrong in ("docx", "none", "srt;vtt"):
        with pytest.raises(Problem) as refused:
            parse_submission({"formats": wrong}, DEMO)
        assert (refused.value.document["reason"], refused.value.document["field"]) == ("bad_option", "formats")


def test_an_empty_field_is_not_given_but_an_empty_hint_is_none() -> None:
    empty = dict.fromkeys(set(KNOWN) - {"file", "prompt"}, "")
    assert parse_submission(empty, DEMO).requested() == {"prompt": "", "hotwords": ""}


@pytest.mark.parametrize(
    ("text", "filters"), [("all", ALL_FILTERS), ("None", ()), (" script , letters,script", ("letters", "script"))]
)
def test_filters_are_all_none_or_a_list_in_any_order(text: str, filters: tuple[str, ...]) -> None:
    assert parse_submission({"filters": text}, DEMO).filters == filters


def test_prompt_and_initial_prompt_are_one_option() -> None:
    assert parse_submission({"prompt": "Ana"}, DEMO).requested() == {"prompt": "Ana"}
    with pytest.raises(Problem, match="the same option"):
        parse_submission({"prompt": "Ana", "initial_prompt": "Ana"}, DEMO)


def test_auto_leaves_the_language_to_the_model() -> None:
    assert parse_submission({"language": "auto"}, DEMO).language is None


@pytest.mark.parametrize("text", ["pt", "pt-PT", "pt_BR", "Portuguese", "PORTUGUESE"])
def test_a_language_may_be_a_code_a_name_or_a_tag(text: str) -> None:
    assert parse_submission({"language": text}, DEMO).language == "pt"


def test_a_language_that_the_model_lacks_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(Problem, match=r"The model demo does not support French \(fr\)") as refused:
        parse_submission({"language": "French"}, DEMO)
    assert refused.value.status == 400
    assert refused.value.document["reason"] == "unsupported_language"
    assert refused.value.document["known"] == ("en", "pt")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("language", "portugues"),
        ("language", "xx"),
        ("track", "-1"),
        ("track", "1000"),
        ("track", "the second"),
        ("track", "²"),
        ("task", "sing"),
        ("lane", "fast"),
        ("words", "maybe"),
        ("prompt", "a" * 2001),
        ("hotwords", "a" * 2001),
        ("beam_size", "0"),
        ("beam_size", "21"),
        ("beam_size", "2.5"),
        ("temperature", "1.1"),
        ("temperature", "0,,1"),
        ("temperature", "nan"),
        ("temperature", "none"),
        ("temperature", ",".join(["0"] * 17)),
        ("suppress_tokens", "-2"),
        ("suppress_tokens", "100000"),
        ("suppress_tokens", "the"),
        ("suppress_tokens", ",".join(map(str, range(257)))),
        ("filters", "all,none"),
        ("filters", "ghosts"),
        ("vad", "perhaps"),
        ("vad_threshold", "1"),
        ("vad_threshold", "nan"),
        ("min_speech_duration_ms", "-1"),
        ("min_silence_duration_ms", "inf"),
        ("speech_pad_ms", "60001"),
        ("max_chunk_s", "31"),
        ("loudness", "-16"),
        ("highpass", "80"),
        ("multilingual", "2"),
        ("webhook_url", "ftp://example.org/"),
        ("webhook_url", "example.org/hook"),
        ("webhook_url", "http:///hook"),
        ("webhook_url", "http://[::1/hook"),
        ("webhook_url", "http://example.org:port/"),
        ("webhook_url", "http://127.0.0.1:9000/"),
        ("webhook_url", "http://169.254.169.254/latest/meta-data/"),
        ("webhook_url", "http://[::ffff:10.0.0.1]/"),
        ("webhook_url", "http://example.org/a b"),
        ("webhook_url", "http://example.org/\r\nX: y"),
        ("webhook_url", "http://example.org\\@127.0.0.1/"),
        ("webhook_url", "http://example.org/" + "a" * 2048),
    ],
)
def test_what_is_not_known_is_refused(name: str, value: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_submission({name: value}, DEMO)

    assert refused.value.status == 400
    if name != "language":
        assert str(refused.value).startswith(f"The field {name!r} cannot be {value[:40]!r}")
        assert (refused.value.document["reason"], refused.value.document["field"]) == ("bad_option", name)
        assert str(refused.value).endswith(f": use {refused.value.document['expected']}.")


def test_unknown_fields_are_named_with_the_known_ones() -> None:
    with pytest.raises(Problem) as refused:
        parse_submission({"langauge": "pt", "language": "pt", "Words": "true"}, DEMO)

    assert refused.value.status == 400
    assert str(refused.value).startswith("Unknown fields 'langauge', 'Words'; known are file, language, task, ")
    assert refused.value.document["known"] == list(KNOWN)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("meeting.mp4", "meeting.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ana\\nota.wav", "nota.wav"),
        ("a\x00b\r\nc\x7f.wav", "abc.wav"),
        ("a\u202egpj.wav", "agpj.wav"),
        ("a\udcff.wav", "a.wav"),
        ("ação 🎧.mp3", "ação 🎧.mp3"),
        ("", "audio"),
        (None, "audio"),
        ("  ", "audio"),
        ("/", "audio"),
    ],
)
def test_a_file_name_is_made_fit_to_be_shown(given: str | None, shown: str) -> None:
    assert display_name(given) == shown


def test_a_long_file_name_is_cut() -> None:
    assert len(display_name("ü" * 4096)) == 255
