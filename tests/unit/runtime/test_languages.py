"""Languages as people write them become Whisper's codes."""

import pytest

from runtime import languages
from runtime.errors import Invalid


def test_the_codes_are_the_ones_of_the_library() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert set(languages.ALL) == set(_LANGUAGE_CODES)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("pt", "pt"),
        (" PT ", "pt"),
        ("pt-PT", "pt"),
        ("pt_BR", "pt"),
        ("en-US", "en"),
        ("English", "en"),
        ("english", "en"),
        ("ENGLISH", "en"),
        ("Portuguese", "pt"),
        ("zh-Hans", "zh"),
        ("zh-Hant-TW", "zh"),
        ("cmn-Hans-CN", "zh"),
        ("nb-NO", "no"),
        ("jv", "jw"),
        ("Haitian Creole", "ht"),
        ("castilian", "es"),
        ("yue", "yue"),
        ("auto", None),
        ("Auto", None),
        ("", None),
        ("  ", None),
    ],
)
def test_codes_names_and_tags_are_understood(text: str, code: str | None) -> None:
    assert languages.parse(text) == code


@pytest.mark.parametrize(
    "text", ["xx", "klingon", "english-ish", "en-", "en us", "e", "pt;drop", "pt-\x00", "auto-detect", "x" * 5000]
)
def test_an_unknown_language_is_rejected(text: str) -> None:
    with pytest.raises(Invalid, match="is unknown") as refused:
        languages.parse(text)
    assert refused.value.reason == "unknown_language"
    assert len(str(refused.value)) < 200


def test_a_language_that_a_model_lacks_is_refused_with_those_that_it_has() -> None:
    languages.check(None, ("en",), "tiny.en")
    languages.check("en", ("en",), "tiny.en")
    with pytest.raises(Invalid, match=r"demo does not support French \(fr\): it supports English and Portuguese") as refused:
        languages.check("fr", ("en", "pt"), "demo")
    assert refused.value.reason == "unsupported_language"
    with pytest.raises(Invalid, match=r"Cantonese \(yue\): it supports 99 others"):
        languages.check("yue", languages.WITHOUT_CANTONESE, "base")
