"""Aligned words find their segments and stay inside them."""

import random
from itertools import pairwise

import pytest

from processors.transcriber.segments import Span
from processors.transcriber.words import SHORTEST_S, Aligned, inside, place
from schemas.segment import Word


def aligned(*words: tuple[str, float, float]) -> list[Aligned]:
    return [Aligned(word, 1, start, end, 0.9) for word, start, end in words]


def test_each_span_gets_the_words_of_its_tokens() -> None:
    placed = place(aligned((" a", 0, 0.5), (" b", 0.5, 1), (" c", 1.2, 1.5)), [Span((1, 2), 0, 1), Span((3,), 1, 2)])
    assert [[word.word for word in words] for words in placed] == [[" a", " b"], [" c"]]


def test_no_word_leaves_its_span_and_none_comes_before_the_last() -> None:
    words = aligned((" a", 0.0, 1.4), (" b", 0.9, 1.0), (" c", 0.2, 0.3), (" d", 5, 6))
    for span, mine in zip(spans := [Span((1, 2), 0.5, 1.2), Span((3, 4), 1.2, 3)], place(words, spans), strict=True):
        assert all(span.start <= word.start < word.end <= span.end for word in mine)
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


def word(start: float, end: float) -> Word:
    return Word(start=start, end=end, word=" x", probability=0.5)


def times(words: tuple[Word, ...]) -> list[tuple[float, float]]:
    return [(each.start, each.end) for each in words]


def test_words_inside_a_region_are_not_moved() -> None:
    lying = (word(1.0, 1.2), word(1.2, 1.5), word(1.7, 2.0))
    assert inside(lying, 1.0, 2.0) == lying


def test_words_that_an_alignment_piled_up_at_the_end_share_it() -> None:
    piled = inside([word(1.0, 1.3), word(2.0, 2.0), word(2.0, 2.0)], 1.0, 2.0)
    assert times(piled) == [(1.0, 1.3), (pytest.approx(2 - 2 * SHORTEST_S), pytest.approx(2 - SHORTEST_S)), (2 - SHORTEST_S, 2.0)]


def test_words_behind_the_end_or_before_the_start_are_pushed_in() -> None:
    assert times(inside([word(0.1, 0.2), word(7, 8)], 1.0, 2.0)) == [(1.0, 1.0 + SHORTEST_S), (2 - SHORTEST_S, 2.0)]


def test_more_words_than_fit_share_the_time_equally() -> None:
    assert times(inside([word(0, 0)] * 4, 1.0, 1.2)) == [(1.0, 1.05), (1.05, 1.1), (1.1, 1.15), (1.15, 1.2)]


def test_words_closer_than_a_thousandth_of_a_second_do_not_overlap_by_rounding() -> None:
    crowded = inside([word(0, 0)] * 8, 19.318, 19.338)
    assert all(earlier.end <= later.start for earlier, later in pairwise(crowded))


def test_whatever_comes_in_words_come_out_inside_in_order_and_of_some_length() -> None:
    for seed in range(1000):
        chance = random.Random(seed)
        start = round(chance.uniform(0, 20), 3)
        end = round(start + chance.choice([0.02, 0.1, 1.0, 8.0]), 3)
        wild = [word(chance.uniform(-5, 40), chance.uniform(-5, 40)) for _ in range(chance.randrange(1, 15))]
        made = inside(wild, start, end)
        assert len(made) == len(wild)
        bounds = [start, *(at for each in times(made) for at in each), end]
        assert bounds == sorted(bounds), seed
        shortest_s = min(SHORTEST_S, (end - start) / len(made)) - 0.0011  # times have three decimals
        assert all(each.end - each.start >= max(shortest_s, 0.0005) for each in made), seed
