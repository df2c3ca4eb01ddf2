"""The options of a request on top of the settings, with a clear error for impossible ones."""

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.effective_options import effective_options, for_file
from runtime.errors import Invalid
from runtime.models.catalogue import Model
from runtime.settings import Settings
from schemas.options import ModelRef

MODEL = Model(ModelRef(name="demo", revision="1"), Path("demo"), max_chunk_s=10.0)


def test_options_that_were_not_requested_come_from_the_settings() -> None:
    made = effective_options(Settings(beam_size=3, encoder_window="fit"), MODEL, language=None, words=None)
    assert (made.decoding.beam_size, made.decoding.encoder_window) == (3, "fit")
    assert (made.decoding.language, made.decoding.words) == (None, False)


def test_requested_options_override_the_settings() -> None:
    assert effective_options(Settings(beam_size=3), MODEL, beam_size=1, language="pt").decoding.beam_size == 1


def test_the_longest_chunk_is_the_models_unless_it_is_set() -> None:
    assert effective_options(Settings(), MODEL).slicing.max_chunk_s == 10.0
    assert effective_options(Settings(max_chunk_s=20), MODEL).slicing.max_chunk_s == 20.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "English"),
        ("language", "../x"),
        ("task", "sing"),
        ("beam_size", 99),
        ("prompt", "x" * 2001),
        ("track", -1),
        ("track", "two"),
    ],
)
def test_an_impossible_option_is_invalid_and_named(field: str, value: object) -> None:
    with pytest.raises(Invalid, match=field) as refused:
        effective_options(Settings(), MODEL, **{field: value})
    assert refused.value.failure.reason == "bad_option"


@pytest.mark.parametrize(
    ("name", "raw_format"),
    [
        ("a.gsm", "gsm"),
        ("A.UL", "mulaw"),
        ("call.1.alaw", "alaw"),
        ("x.g722", "g722"),
        ("gsm", None),
        ("a.gsm.wav", None),
        ("", None),
    ],
)
def test_the_suffix_of_a_telephone_file_selects_its_raw_format(name: str, raw_format: str | None) -> None:
    how = effective_options(Settings(), MODEL)
    named = for_file(how, name)
    assert named.slicing.raw_format == raw_format
    assert (named.model, named.decoding) == (how.model, how.decoding)


def test_the_audio_track_changes_how_the_file_is_cut() -> None:
    assert effective_options(Settings(), MODEL, track=2).slicing.track == 2
    assert effective_options(Settings(), MODEL, track=None).slicing.track is None


def test_how_much_is_encoded_is_what_suits_the_model_unless_it_is_set() -> None:
    fitting = replace(MODEL, encoder_window="fit", encoder_margin_s=5.0, encoder_bucket_s=2.0)
    chosen = effective_options(Settings(), fitting).decoding
    assert (chosen.encoder_window, chosen.encoder_margin_s, chosen.encoder_bucket_s) == ("fit", 5.0, 2.0)
    chosen = effective_options(Settings(encoder_window="full", encoder_margin_s=0.0, encoder_bucket_s=5.0), fitting).decoding
    assert (chosen.encoder_window, chosen.encoder_margin_s, chosen.encoder_bucket_s) == ("full", 0.0, 5.0)


def test_a_language_that_the_model_lacks_is_refused() -> None:
    english = replace(MODEL, languages=("en",))
    assert effective_options(Settings(), english, language="en").decoding.language == "en"
    with pytest.raises(Invalid, match=r"does not support Portuguese \(pt\): it supports English only") as refused:
        effective_options(Settings(), english, language="pt")
    assert refused.value.reason == "unsupported_language"
