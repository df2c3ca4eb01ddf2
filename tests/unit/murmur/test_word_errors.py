"""Words are compared as spoken, and differences are named."""

import pytest

from murmur.word_errors import score, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A first-aid kit, PLEASE!", "a first aid kit please"),
        ("It’s 'fine'", "it's fine"),
        ("20 of 2,500", "twenty of two thousand five hundred"),
        ("412", "four hundred twelve"),
        ("1920 1901 1900 2000", "nineteen twenty nineteen oh one nineteen hundred two thousand"),
        ("días, ¿qué?", "días qué"),
        ("今日は、OK。", "今 日 は ok"),
    ],
)
def test_words_are_compared_without_case_punctuation_and_digits(text: str, expected: str) -> None:
    assert words(text) == expected.split()


def test_every_kind_of_error_is_counted() -> None:
    found = score("one two three four five six", "um one too three five six")
    assert (found.words, found.substituted, found.missing, found.invented) == (6, 1, 1, 1)
    assert found.differences == ("one -> um one", "one two three -> one too three", "three four five -> three five")
    assert (found.error_rate, found.missing_rate) == (3 / 6, 1 / 6)


def test_text_without_reference_words_has_an_infinite_error_rate() -> None:
    assert score("", "").error_rate == 0
    assert score("", "you").error_rate == float("inf")
    assert score("you", "").missing == 1
