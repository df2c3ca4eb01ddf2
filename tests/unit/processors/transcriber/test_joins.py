"""Segments are parted where a long pause was taken out of the sound."""

from processors.transcriber.joins import parted, spanned
from processors.transcriber.spoken import joins
from schemas.segment import Segment, Word


def segment(*words: tuple[str, float, float]) -> Segment:
    made = tuple(Word(start=start, end=end, word=f" {word}", probability=1.0) for word, start, end in words)
    return Segment(start=0.0, end=6.0, text=" ".join(word for word, _, _ in words), words=made)


LOGGED_IN = segment(("Agent", 0.2, 0.8), ("logged", 0.8, 1.4), ("in.", 1.4, 1.9), ("Message", 2.3, 2.9), ("deleted.", 2.9, 3.6))


def test_joins_are_where_one_piece_ends_and_the_next_begins() -> None:
    assert joins([(0, 32_000), (160_000, 176_000), (320_000, 336_000)]) == [2.0, 3.0]
    assert joins([(5, 10)]) == []


def test_each_side_of_a_join_has_its_own_words_text_and_times() -> None:
    first, second = parted(LOGGED_IN, [2.1])
    assert (first.start, first.end, first.text) == (0.0, 1.9, "Agent logged in.")
    assert (second.start, second.end, second.text) == (2.3, 6.0, "Message deleted.")
    assert [word.word for word in (*(first.words or ()), *(second.words or ()))] == [word.word for word in LOGGED_IN.words or ()]


def test_a_side_without_words_makes_no_segment() -> None:
    assert [each.text for each in parted(LOGGED_IN, [2.1, 2.2, 5.0])] == ["Agent logged in.", "Message deleted."]


def test_without_words_or_without_a_join_inside_it_a_segment_stays_as_it_is() -> None:
    plain = LOGGED_IN.model_copy(update={"words": None})
    assert list(parted(plain, [2.1])) == [plain]
    assert list(parted(LOGGED_IN, [0.0, 6.0, 7.5])) == [LOGGED_IN]


def test_words_are_needed_where_a_text_reaches_over_a_join() -> None:
    assert spanned(1, 3, [2])
    assert not spanned(1, 2, [2])
    assert not spanned(1, 3, [])
