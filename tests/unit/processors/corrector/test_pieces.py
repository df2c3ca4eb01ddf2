"""Texts as numbered lines for a model, and which answers are used."""

import pytest

from processors.corrector.pieces import Nonsense, Piece, is_plausible, parse, pieces


def test_pieces_end_with_a_segment_and_leave_out_what_is_empty_or_not_wanted() -> None:
    texts = ["one two", "", "three", "four", "five\nsix", "x" * 30, "seven"]
    wanted = [True, True, True, False, True, True, True]
    found = list(pieces(texts, wanted, 13))
    assert found == [
        Piece((0, 2), ("one two", "three")),
        Piece((4,), ("five six",)),
        Piece((5,), ("x" * 30,)),
        Piece((6,), ("seven",)),
    ]
    assert found[0].lines == "1: one two\n2: three"


@pytest.mark.parametrize(
    "answer",
    ["1: A.\n2: B: c", "```\n1: A.\n2: B: c\n```", "```text\n2:B: c\n1: A. \n```\n", "\n\n1: A.\n\n 2:  B:   c"],
)
def test_the_lines_that_were_asked_for_are_the_answer(answer: str) -> None:
    assert parse(answer, 2) == ["A.", "B: c"]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "1: A.",
        "1: A.\n2: B.\n3: C.",
        "1: A.\n1: B.",
        "Sure:\n1: A.\n2: B.",
        "1: A.\n2. B.",
        "0: A\n1: B",
        "1: a\n99999999999999: b",
    ],
)
def test_any_other_answer_is_nonsense(answer: str) -> None:
    with pytest.raises(Nonsense):
        parse(answer, 2)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("hello world", "Hello, world!", True),
        ("we use cafca for events", "We use Kafka for events.", True),
        ("we use cafca for events", "I cannot help with that.", False),
        ("ok", "OK.", True),
        ("ok", "yes", False),
        ("no", "yes", False),
        ("no", "so", False),
        ("No.", "No!", True),
        ("its", "it's", True),
        ("go to", "go too", True),
        ("we wont", "we won't", True),
        ("the the cat", "the cat", True),
        ("ok", "certainly, here you are", False),
        ("hello world", "", False),
        ("hello world", "...", False),
        ("...", "…", True),
        ("hello", "hello " * 50, False),
    ],
)
def test_a_correction_differs_only_so_much(before: str, after: str, expected: bool) -> None:
    assert is_plausible(before, after, 0.4) is expected
