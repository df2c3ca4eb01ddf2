"""The options in the metadata of a dropped object, and what is said about those that cannot be used."""

import pytest

from processors.intake.drop_options import DropOptions, drop_options
from runtime.effective_options import effective_options
from runtime.models import catalogue
from runtime.settings import Settings

SETTINGS = Settings(model="demo")
MODELS = [catalogue.resolve("demo"), catalogue.resolve("base")]
USUAL = effective_options(SETTINGS, MODELS[0])


def options(settings: Settings = SETTINGS, **metadata: str) -> DropOptions:
    return drop_options({name.replace("_", "-"): value for name, value in metadata.items()}, "a.wav", settings, MODELS)


def test_without_metadata_they_are_those_of_the_settings() -> None:
    assert options() == DropOptions(USUAL)
    assert options(author="Ana", content_note="x") == DropOptions(USUAL)


def test_language_model_priority_and_formats_are_read() -> None:
    found = options(murmur_language="Portuguese", murmur_model="base", murmur_priority="high", murmur_formats="srt, vtt,srt")
    assert found.refused is None
    assert (found.effective.decoding.language, found.effective.model.name) == ("pt", "base")
    assert (found.lane, found.formats) == ("interactive", ("srt", "vtt"))
    assert dict(found.given)["murmur-language"] == "Portuguese"


def test_every_option_of_a_transcription_may_be_given_and_text_in_any_script() -> None:
    found = options(
        murmur_initial_prompt="=?UTF-8?B?QW5hLCBCZWzDqW0=?=", murmur_min_silence_duration_ms="500", Murmur_Words="true"
    )
    assert (found.effective.decoding.prompt, found.effective.slicing.min_silence_s) == ("Ana, Belém", 0.5)
    assert found.effective.decoding.words


def test_a_file_of_words_needs_word_times() -> None:
    assert options(murmur_formats="words").effective.decoding.words
    assert options(Settings(model="demo", result_formats=("words",))).effective.decoding.words
    assert not options(Settings(model="demo", result_formats=("words",)), murmur_formats="srt").effective.decoding.words


@pytest.mark.parametrize(
    ("metadata", "reason", "named"),
    [
        ({"murmur_language": "klingon"}, "unknown_language", "x-amz-meta-murmur-language"),
        ({"murmur_formats": "docx"}, "bad_option", "x-amz-meta-murmur-formats"),
        ({"murmur_formats": "none"}, "bad_option", "x-amz-meta-murmur-formats"),
        ({"murmur_model": "gigantic"}, "bad_option", "x-amz-meta-murmur-model"),
        ({"murmur_priority": "urgent"}, "bad_option", "x-amz-meta-murmur-priority"),
        ({"murmur_priority": "high", "murmur_lane": "bulk"}, "bad_option", "x-amz-meta-murmur-priority"),
        ({"murmur_beam_size": "99"}, "bad_option", "x-amz-meta-murmur-beam-size"),
        ({"murmur_langauge": "pt"}, "bad_option", "x-amz-meta-murmur-langauge"),
    ],
)
def test_one_that_cannot_be_used_is_named(metadata: dict[str, str], reason: str, named: str) -> None:
    found = options(SETTINGS, **metadata)
    assert found.refused is not None
    assert (found.refused.reason, found.effective, found.formats) == (reason, USUAL, None)
    assert found.refused.message.startswith(named)
    assert next(iter(metadata.values())) in found.refused.message or "unknown" in found.refused.message or "lane" in str(found)


def test_a_language_that_the_model_does_not_support_is_refused() -> None:
    found = options(murmur_language="ja")  # the demo model has a few languages
    assert found.refused is not None
    assert found.refused.reason == "unsupported_language"
    assert "x-amz-meta-murmur-language" in found.refused.message
