"""Scores add up and survive their way to the table; a time belongs to the word that it was written for."""

from benchmarks.speech.comparison import Row, table, total
from benchmarks.speech.edges import edges
from benchmarks.speech.recordings import Part
from murmur.word_errors import Score, score
from schemas.segment import Word


def test_scores_add_up_and_rows_survive_their_way_to_the_table() -> None:
    one, other = score("a b", "a"), score("c", "c d")
    rows = [Row("x", "tiny.en", "30 s", one, 1.0, other, 2.0), Row("y", "tiny.en", "30 s", other, 1.0, other, 2.0)]
    assert total(rows).murmur == Score(words=3, missing=1, invented=1)
    assert [Row.from_json(row.to_json()) for row in rows] == rows
    assert total([Row.from_json(row.to_json()) for row in rows]).murmur.differences == total(rows).murmur.differences
    assert table(rows)[1] == "| x | tiny.en | 30 s | 2 | 1 | 0 | 1 (50.0%) | 1 (100.0%) | 1.0 | 2.0 |"


def test_a_part_without_its_first_word_has_no_beginning_in_the_transcript() -> None:
    parts = [Part(0.0, 1.0, "well then"), Part(2.0, 3.0, "see you")]
    written = [
        Word(start=at, end=at + 0.4, word=text, probability=1) for at, text in ((0.5, " then"), (2.1, " see"), (2.6, " you."))
    ]
    found = [(edge.true_s, edge.written_s, edge.pause_s) for edge in edges(parts, written)]
    assert found == [(1.0, 0.9, 1.0), (2.0, 2.1, 1.0), (3.0, 3.0, float("inf"))]
