"""Where the language changes inside a window, found with a model that is run on stretches of it."""

import random
from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest

from processors.transcriber.languages import parts

RATE = 16_000


def seconds(*times: float) -> list[int]:
    return [round(at * RATE) for at in times]


class Listener:
    """Is as sure of a language as its share of the stretch is, or less by `doubt`. Records its calls."""

    def __init__(self, *truth: tuple[float, float, str], doubt: float = 0.0) -> None:
        self._truth, self._doubt = truth, doubt
        self.calls: list[tuple[float, float]] = []

    def __call__(self, start: int, end: int) -> Mapping[str, float]:
        assert start < end
        self.calls.append((start / RATE, end / RATE))
        probabilities = dict.fromkeys(("de", "en", "it"), 0.0)
        for begin, until, language in self._truth:
            probabilities[language] += max(0, min(end, until * RATE) - max(start, begin * RATE)) / (end - start)
        return {language: share * (1 - self._doubt) for language, share in probabilities.items()}


def found(listener: Listener, pauses: Sequence[float], length_s: float) -> list[tuple[float, float, str]]:
    made = parts(seconds(*pauses), round(length_s * RATE), listener)
    return [(part.start / RATE, part.end / RATE, part.language) for part in made]


@pytest.mark.parametrize(
    ("truth", "pauses", "length_s"),
    [
        ([(0, 6, "en"), (6, 12, "it")], [3, 6, 9], 12),
        ([(0, 6, "en"), (6, 12, "it")], [6], 12),
        ([(0, 4, "en"), (4, 8, "it"), (8, 12, "en")], [4, 8], 12),
        ([(0, 4, "en"), (4, 8, "it"), (8, 12, "de")], [4, 8], 12),
        ([(0, 15, "en"), (15, 30, "it")], [1, 2, 5, 6, 9, 13, 15, 18, 19, 24, 29], 30),
        ([(0, 5, "en"), (5, 12, "it")], [2, 5, 8], 12),  # the change is not where sections meet
        ([(0, 7, "en"), (7, 12, "it")], [1, 2, 4, 7, 8, 11], 12),
    ],
)
def test_a_window_of_several_languages_is_cut_where_the_language_changes(
    truth: list[tuple[float, float, str]], pauses: list[float], length_s: float
) -> None:
    assert found(Listener(*truth), pauses, length_s) == truth


@pytest.mark.parametrize("pauses", [[], [3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]])
def test_a_window_of_one_language_has_no_parts(pauses: list[float]) -> None:
    assert found(Listener((0, 12, "en")), pauses, 12) == []


def test_without_a_pause_there_is_nowhere_to_cut() -> None:
    assert found(Listener((0, 6, "en"), (6, 12, "it")), [], 12) == []


def test_a_model_that_is_not_sure_finds_one_language() -> None:
    assert found(Listener((0, 6, "en"), (6, 12, "it"), doubt=0.2), [3, 6, 9], 12) == []


def test_a_stretch_of_which_the_model_is_not_sure_belongs_to_the_one_before_it() -> None:
    listener = Listener((0, 5, "en"), (5, 6.5, "en"), (6.5, 8, "it"), (8, 12, "en"))
    assert found(listener, [5, 8], 12) == []


def test_a_first_stretch_of_which_the_model_is_not_sure_belongs_to_the_next() -> None:
    listener = Listener((0, 2, "en"), (2, 4, "de"), (4, 8, "en"), (8, 12, "it"))
    assert found(listener, [4, 8], 12) == [(0, 8, "en"), (8, 12, "it")]


def test_the_language_of_stretches_shorter_than_three_seconds_is_not_detected_alone() -> None:
    listener = Listener((0, 5, "en"), (5, 6, "it"), (6, 12, "en"))
    assert found(listener, [1, 2, 5, 6, 10], 12) == []
    assert all(end - start >= 3 for start, end in listener.calls)


def test_a_part_has_the_probability_of_its_own_language_over_all_of_it() -> None:
    listener = Listener((0, 5.7, "en"), (5.7, 12, "it"))
    first, second = parts(seconds(3, 6, 9), 12 * RATE, listener)
    assert (first.language, first.start, first.end) == ("en", 0, 6 * RATE)
    assert first.probability == pytest.approx(0.95)
    assert second.probability == pytest.approx(1.0)


def test_for_any_output_of_a_model_parts_cover_the_window_and_neighbours_differ() -> None:
    for seed in range(300):
        chance = random.Random(seed)

        def detect(start: int, end: int, chance: random.Random = chance) -> Mapping[str, float]:
            assert start < end
            sure = chance.choice(("de", "en", "it"))
            return {"de": 0.02, "en": 0.02, "it": 0.02, sure: chance.uniform(0.85, 0.95)}

        pauses = sorted(chance.sample(range(1, 30 * RATE), chance.randrange(1, 20)))
        if made := parts(pauses, 30 * RATE, detect):
            assert [made[0].start, *(part.end for part in made)] == [*(part.start for part in made), 30 * RATE]
            assert all(part.start < part.end for part in made), seed
            assert all(before.language != after.language for before, after in pairwise(made))
            assert {part.end for part in made[:-1]} <= set(pauses)


def test_parts_cover_the_window_without_gap_or_overlap() -> None:
    truth = [(0, 4, "en"), (4, 9, "it"), (9, 13, "de"), (13, 20.5, "en")]
    made = parts(seconds(4, 9, 10, 13, 17), round(20.5 * RATE), Listener(*truth))
    assert [made[0].start, *(part.end for part in made)] == [*(part.start for part in made), round(20.5 * RATE)]
    assert [part.language for part in made] == ["en", "it", "de", "en"]
