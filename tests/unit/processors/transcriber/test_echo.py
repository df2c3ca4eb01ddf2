"""Words that are written twice where decoding goes on are written once."""

import pytest

from processors.transcriber.echo import is_spoken_again, repeated, without
from schemas.segment import Segment, Word


def segment(text: str, start: float = 0.0, end: float = 4.0, *, words: bool = False) -> Segment:
    parts = text.split()
    step = (end - start) / max(1, len(parts))
    made = tuple(
        Word(start=start + n * step, end=start + (n + 1) * step, word=f" {part}", probability=1.0) for n, part in enumerate(parts)
    )
    return Segment(start=start, end=end, text=text, words=made if words else None)


BEFORE = [segment("Light bends."), segment("It looks broken in a glass.")]


@pytest.mark.parametrize(
    ("after", "count"),
    [
        ("in a glass. What I learned", 3),
        ("In a glass", 3),
        ("a glass, what", 2),
        ("glass. What I learned", 1),
        ("glass.", 1),
        ("broken glass", 0),
        ("", 0),
    ],
)
def test_words_that_end_what_is_there_and_begin_what_follows_are_repeated(after: str, count: int) -> None:
    assert repeated(BEFORE, [segment(after)]) == count


@pytest.mark.parametrize(("after", "count"), [("No, I did not", 0), ("No.", 1)])
def test_one_short_word_may_be_repeated_unless_nothing_follows_it(after: str, count: int) -> None:
    assert repeated([segment("I said no")], [segment(after)]) == count


def test_they_are_taken_from_the_text_and_the_words_and_the_segment_begins_later() -> None:
    (left,) = without(2, [segment("in a glass house", words=True)])
    assert (left.text, left.start, left.end) == ("glass house", 2.0, 4.0)
    assert [word.word for word in left.words or ()] == [" glass", " house"]
    (plain,) = without(1, [segment("in a glass house")])
    assert (plain.text, plain.start) == ("a glass house", 1.0)


def test_they_may_reach_over_segments() -> None:
    assert [each.text for each in without(3, [segment("in a"), segment("glass. What")])] == ["What"]
    assert without(2, [segment("in a")]) == []
    assert without(0, BEFORE) == BEFORE


@pytest.mark.parametrize(
    ("after", "times_s", "again"),
    [
        ("Bring a rope.", (4, 8), True),
        ("Bring a rope.", (4, 5), False),
        ("a rope.", (4, 8), False),  # the end of a sentence
        ("Bring a rope. Bring a rope.", (4, 12), True),
        ("Bring a rope. And then go home.", (4, 12), True),
        ("Bring a rope. And then go home.", (4, 8), False),
    ],
)
def test_a_whole_sentence_with_as_much_speech_as_the_first_time_is_spoken_again(
    after: str, times_s: tuple[float, float], again: bool
) -> None:
    before = [segment("Light bends. Bring a rope.", 0, 4)]
    text = [segment(after, *times_s)]
    assert is_spoken_again(before, text, repeated(before, text), [(0, 20)]) is again


def test_it_needs_speech_under_it() -> None:
    before, after = [segment("Bring a rope.", 0, 4)], [segment("Bring a rope.", 4, 8)]
    assert is_spoken_again(before, after, 3, [(0, 4), (6, 8)])
    assert not is_spoken_again(before, after, 3, [(0, 4), (7, 8)])
    assert not is_spoken_again(before, after, 0, [(0, 8)])
