"""Aligned words find their segments and stay inside them."""

from itertools import pairwise

from processors.transcriber.segments import Span
from processors.transcriber.words import Aligned, place


def aligned(*words: tuple[str, float, float]) -> list[Aligned]:
    return [Aligned(word, 1, start, end, 0.9) for word, start, end in words]


def test_each_span_gets_the_words_of_its_tokens() -> None:
    placed = place(aligned((" a", 0, 0.5), (" b", 0.5, 1), (" c", 1.2, 1.5)), [Span((1, 2), 0, 1), Span((3,), 1, 2)])
    assert [[word.word for word in words] for words in placed] == [[" a", " b"], [" c"]]


def test_no_word_leaves_its_span_and_none_comes_before_the_last() -> None:
    words = aligned((" a", 0.0, 1.4), (" b", 0.9, 1.0), (" c", 0.2, 0.3), (" d", 5, 6))
    for span, mine in zip(spans := [Span((1, 2), 0.5, 1.2), Span((3, 4), 1.2, 3)], place(words, spans), strict=True):
        assert all(span.start <= word.start <= word.end <= span.end for word in mine)
    flat = [word for mine in place(words, spans) for word in mine]
    assert all(earlier.end <= later.start for earlier, later in pairwise(flat))


def test_the_silence_before_a_word_is_not_part_of_it() -> None:
    words = aligned((" a", 0, 0.3), (" b", 0.3, 0.6), (" c", 0.6, 5.0), (" d", 5.0, 5.3))
    (placed,) = place(words, [Span((1, 2, 3, 4), 0, 6)])
    assert placed[2].start == 4.4
    assert placed[2].end == 5.0


def test_merged_punctuation_takes_no_place_of_its_own() -> None:
    words = [Aligned(" Hi.", 2, 0, 0.5, 0.9), Aligned("", 0, 0.5, 0.5, 0.9), Aligned(" Yes", 1, 1, 1.5, 0.9)]
    placed = place(words, [Span((1, 2), 0, 1), Span((3,), 1, 2)])
    assert [[word.word for word in mine] for mine in placed] == [[" Hi."], [" Yes"]]


def test_nothing_aligned_is_no_words() -> None:
    assert place([], [Span((1,), 0, 1)]) == [()]
