"""Words of a corrected segment: their texts are those of the segment, their times those of what they stand for."""

import pytest

from processors.corrector.word_texts import corrected
from schemas.segment import Word


def words(text: str) -> tuple[Word, ...]:
    """A word a second, as Whisper has them: a blank before each."""
    return tuple(
        Word(start=place, end=place + 1, word=f" {word}", probability=(place + 1) / 10) for place, word in enumerate(text.split())
    )


def times(found: tuple[Word, ...]) -> list[tuple[str, float, float]]:
    return [(word.word.strip(), word.start, word.end) for word in found]


@pytest.mark.parametrize(
    "text",
    [
        "A b c d.",
        "x",
        "a b",
        "b c d",
        "a b new c d",
        "new a b c d",
        "a b c d new",
        "A, B! C? D",
        "d c b a",
        "a  b\u00a0c",
        "1 2 3 4",
    ],
)
def test_joined_they_are_the_text(text: str) -> None:
    assert "".join(word.word for word in corrected(words("a b c d"), text)) == f" {text}"


def test_words_that_stay_keep_their_times_and_probabilities() -> None:
    found = corrected(words("hello wide world"), "Hello, wide world!")
    assert times(found) == [("Hello,", 0, 1), ("wide", 1, 2), ("world!", 2, 3)]
    assert [word.probability for word in found] == [0.1, 0.2, 0.3]


def test_one_word_for_several_has_the_time_of_all() -> None:
    found = corrected(words("have twenty one cats"), "have 21 cats")
    assert times(found) == [("have", 0, 1), ("21", 1, 3), ("cats", 3, 4)]
    assert found[1].probability == 0.2


def test_several_words_for_one_divide_up_its_time() -> None:
    assert times(corrected(words("a gonna b"), "a going to b"))[1:3] == [("going", 1, 1.5), ("to", 1.5, 2)]


def test_a_word_in_place_of_none_shares_the_time_of_its_neighbour() -> None:
    assert times(corrected(words("a b"), "a new b")) == [("a", 0, 0.5), ("new", 0.5, 1), ("b", 1, 2)]
    assert times(corrected(words("a b"), "new a b")) == [("new", 0, 0.5), ("a", 0.5, 1), ("b", 1, 2)]


def test_no_words_and_no_text() -> None:
    assert corrected((), "") == ()
    assert corrected(words("a b"), "") == ()
    assert times(corrected((), "new")) == [("new", 0, 0)]


def test_words_without_blanks_between_them_stay() -> None:
    spoken = (Word(start=0, end=1, word="東京", probability=1), Word(start=1, end=2, word="です", probability=1))
    assert corrected(spoken, "Tokyoです") == spoken
