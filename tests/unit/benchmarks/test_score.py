"""Words are compared by what was said; errors are told apart; a time belongs to the word that it was written for."""

import pytest

from benchmarks.speech.comparison import Row, table, total
from benchmarks.speech.edges import edges
from benchmarks.speech.recordings import Part
from benchmarks.speech.score import Score, score, words
from schemas.segment import Word


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A first-aid kit, PLEASE!", "a first aid kit please"),
        ("It’s 'fine'", "it's fine"),
        ("20 of 2,500", "twenty of two thousand five hundred"),
        ("412", "four hundred twelve"),
        ("1920 1901 1900 2000", "nineteen twenty nineteen oh one nineteen hundred two thousand"),
        ("días, ¿qué?", "días qué"),
    ],
)
def test_words_are_compared_without_case_punctuation_and_digits(text: str, expected: str) -> None:
    assert words(text) == expected.split()


def test_every_kind_of_error_is_counted() -> None:
    found = score("one two three four five six", "um one too three five six")
    assert (found.words, found.substituted, found.missing, found.invented) == (6, 1, 1, 1)
    assert found.differences == ("one -> um one", "one two three -> one too three", "three four five -> three five")
    assert (found.error_rate, found.missing_rate) == (3 / 6, 1 / 6)


def test_text_where_nothing_is_said_is_infinitely_wrong() -> None:
    assert score("", "").error_rate == 0
    assert score("", "you").error_rate == float("inf")
    assert score("you", "").missing == 1


def test_scores_add_up_and_rows_survive_their_way_to_the_table() -> None:
    one, other = score("a b", "a"), score("c", "c d")
    rows = [Row("x", "tiny.en", "30 s", one, 1.0, other, 2.0), Row("y", "tiny.en", "30 s", other, 1.0, other, 2.0)]
    assert total(rows).murmur == Score(words=3, missing=1, invented=1)
    assert [Row.from_json(row.to_json()) for row in rows] == rows
    assert table(rows)[1] == "| x | tiny.en | 30 s | 2 | 1 | 0 | 1 (50.0%) | 1 (100.0%) | 1.0 | 2.0 |"


def test_a_part_without_its_first_word_has_no_beginning_in_the_transcript() -> None:
    parts = [Part(0.0, 1.0, "well then"), Part(2.0, 3.0, "see you")]
    written = [
        Word(start=at, end=at + 0.4, word=text, probability=1) for at, text in ((0.5, " then"), (2.1, " see"), (2.6, " you."))
    ]
    found = [(edge.true_s, edge.written_s, edge.pause_s) for edge in edges(parts, written)]
    assert found == [(1.0, 0.9, 1.0), (2.0, 2.1, 1.0), (3.0, 3.0, float("inf"))]
