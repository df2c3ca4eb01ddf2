"""The options of a request on top of the settings, with a clear error for impossible ones."""

from dataclasses import replace
from pathlib import Path

import pytest

from runtime import identity
from runtime.effective_options import again, effective_options, for_file
from runtime.errors import Invalid
from runtime.models.catalogue import Model
from runtime.settings import Settings
from schemas.options import ModelRef
from schemas.record import ObjectRef

MODEL = Model(ModelRef(name="demo", revision="1"), Path("demo"), max_chunk_s=10.0)


def test_options_that_were_not_requested_come_from_the_settings() -> None:
    made = effective_options(Settings(beam_size=3, encoder_window="fit"), MODEL, language=None, words=None)
    assert (made.decoding.beam_size, made.decoding.encoder_window) == (3, "fit")
    assert (made.decoding.language, made.decoding.words) == (None, False)


def test_requested_options_override_the_settings() -> None:
    assert effective_options(Settings(beam_size=3), MODEL, beam_size=1, language="pt").decoding.beam_size == 1


def test_every_option_of_a_transcription_has_a_setting_that_a_request_overrides() -> None:
    settings = Settings(
        initial_prompt="Ana",
        hotwords="Tejo",
        temperature="0,0.5",
        suppress_tokens="none",
        filters="letters",
        no_speech_threshold=0.7,
        log_prob_threshold=-1.5,
        compression_ratio_threshold=3.0,
        letters_threshold=0.2,
        silence_margin_db=3.0,
        vad=False,
        vad_threshold=0.5,
        min_speech_ms=100,
        min_silence_ms=700,
        speech_pad_ms=50,
        loudness=True,
        highpass=True,
    )
    made = effective_options(settings, MODEL)
    requested = {
        "prompt": "",
        "hotwords": "Douro",
        "temperature": (0.0,),
        "suppress_tokens": (-1,),
        "filters": (),
        "no_speech_threshold": 0.5,
        "log_prob_threshold": -0.5,
        "compression_ratio_threshold": 2.0,
        "letters_threshold": 0.5,
        "silence_margin_db": 9.0,
        "vad": True,
        "vad_threshold": 0.2,
        "min_speech_s": 0.0,
        "min_silence_s": 1.0,
        "speech_pad_s": 0.3,
        "loudness": False,
        "highpass": False,
    }
    other = effective_options(settings, MODEL, **requested)
    for name, value in requested.items():
        mine, theirs = (getattr(options.decoding, name, getattr(options.slicing, name, "absent")) for options in (made, other))
        assert theirs == (value or None if name == "prompt" else value)
        assert mine != theirs
    assert (made.decoding.temperature, made.decoding.suppress_tokens, made.decoding.filters) == ((0.0, 0.5), (), ("letters",))
    assert (made.slicing.min_speech_s, made.slicing.min_silence_s, made.slicing.speech_pad_s) == (0.1, 0.7, 0.05)


def test_an_earlier_work_is_repeated_with_its_options_and_what_suits_todays_model() -> None:
    settings = Settings(encoder_window="fit")
    asked = effective_options(Settings(beam_size=3, max_chunk_s=20), MODEL, vad_threshold=0.6, temperature=(0.0,), language="pt")
    earlier = identity.plan("ab" * 32, ObjectRef(bucket="work", key="a"), asked, "ada")
    repeated = again(settings, MODEL, earlier)
    assert repeated == replace(asked, decoding=asked.decoding.model_copy(update={"encoder_window": "fit"}))
    other = again(settings, replace(MODEL, ref=ModelRef(name="other", revision="1"), max_chunk_s=30.0), earlier)
    assert (other.model.name, other.slicing) == ("other", asked.slicing.model_copy(update={"max_chunk_s": 30.0}))
    with pytest.raises(Invalid, match="English only"):
        again(settings, replace(MODEL, languages=("en",)), earlier)


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
        ("temperature", ()),
        ("temperature", (2.0,)),
        ("suppress_tokens", (-2,)),
        ("filters", ("ghosts",)),
        ("vad_threshold", 1.0),
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
