"""Letters, digits and writing systems of a text."""

import pytest

from processors.transcriber.scripts import SCRIPTS, foreign_share, letters_share
from runtime import languages


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("...", 0.0),
        (". . ♪ ♪", 0.0),
        ("", 0.0),
        ("$5", 0.5),
        ("555-0123", 7 / 8),
        ("one two", 1.0),
        ("हिन्दी", 1.0),  # vowel signs are part of the letters
        ("ภาษาไทย", 1.0),
    ],
)
def test_letters_digits_and_vowel_signs_count(text: str, share: float) -> None:
    assert letters_share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "language", "share"),
    [
        ("Thank you", "en", 0.0),
        ("Спасибо", "en", 1.0),
        ("Спасибо", "ru", 0.0),
        ("Мой iPhone", "ru", 2 / 3),
        ("カラオケで歌う東京", "ja", 0.0),
        ("ｶﾗｵｹ ＡＢＣ", "ja", 0.0),
        ("감사합니다", "ja", 1.0),
        ("Hvala, хвала", "sr", 0.0),
        ("123", "ru", 0.0),
        ("Łódź naïve", "pl", 0.0),
        ("Спасибо", None, 1.0),
    ],
)
def test_letters_of_a_script_that_the_language_does_not_have_are_foreign(text: str, language: str | None, share: float) -> None:
    assert foreign_share(text, language) == pytest.approx(share)


def test_the_languages_with_other_scripts_are_whispers() -> None:
    assert SCRIPTS.keys() <= set(languages.NAMES)
