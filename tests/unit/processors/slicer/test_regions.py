"""Speech probabilities to regions. `tests/contract/test_vad.py` compares the rules with faster-whisper's."""

import random
from itertools import pairwise

import pytest

from processors.slicer.regions import Region, Regions
from processors.slicer.vad import WINDOW_SAMPLES
from schemas.options import SlicingOptions
from schemas.work import Span

PAD = 6400
BRIEF = SlicingOptions(min_silence_s=0.16)


def probabilities_of(*stretches: tuple[int, float]) -> list[float]:
    """So many windows of that probability, one stretch after the other."""
    return [probability for count, probability in stretches for _ in range(count)]


def regions(probabilities: list[float], options: SlicingOptions | None = None) -> list[Span]:
    machine = Regions(options or SlicingOptions())
    length = len(probabilities) * WINDOW_SAMPLES
    found = machine.feed(probabilities[:-1]) + machine.finish(probabilities[-1:], length)
    assert all(region.span[0] <= a < b for region in found for a, b in region.speech)
    return [region.span for region in found]


def test_silence_has_no_region() -> None:
    assert regions(probabilities_of((1000, 0.1))) == []


def test_speech_is_padded_on_both_sides_but_not_beyond_the_file() -> None:
    assert regions(probabilities_of((100, 0.1), (50, 0.9), (100, 0.1))) == [(100 * 512 - PAD, 150 * 512 + PAD)]
    assert regions(probabilities_of((3, 0.1), (50, 0.9), (8, 0.1))) == [(0, 61 * 512)]


def test_what_is_never_likely_must_last_to_be_speech() -> None:
    assert regions(probabilities_of((50, 0.1), (14, 0.4), (50, 0.1))) == []
    assert len(regions(probabilities_of((50, 0.1), (17, 0.4), (50, 0.1)))) == 1
    assert len(regions(probabilities_of((50, 0.1), (6, 0.4), (1, 0.6), (6, 0.4), (50, 0.1)))) == 1
    assert len(regions(probabilities_of((50, 0.1), (1, 0.6), (50, 0.1)))) == 1


def test_speech_that_is_shorter_than_the_shortest_is_none() -> None:
    options = SlicingOptions(min_silence_s=0.16, min_speech_s=0.32)
    assert regions(probabilities_of((50, 0.1), (10, 0.9), (50, 0.1)), options) == []
    assert len(regions(probabilities_of((50, 0.1), (11, 0.9), (50, 0.1)), options)) == 1


def test_speech_that_is_dropped_takes_no_padding_from_its_neighbours() -> None:
    options = SlicingOptions(min_silence_s=0.16, min_speech_s=0.32)
    first, second = regions(probabilities_of((50, 0.9), (8, 0.1), (5, 0.9), (8, 0.1), (50, 0.9)), options)
    assert (first[1], second[0]) == (50 * 512 + 21 * 256, 71 * 512 - 21 * 256)


def test_a_region_waits_for_the_next_speech_only_until_that_is_certain() -> None:
    machine = Regions(SlicingOptions(min_silence_s=0.16, min_speech_s=0.32))
    assert machine.feed(probabilities_of((50, 0.9), (8, 0.1), (10, 0.9))) == []
    assert len(machine.feed([0.9])) == 1


def test_a_short_gap_is_shared_by_its_neighbours() -> None:
    first, second = regions(probabilities_of((50, 0.9), (10, 0.1), (50, 0.9)), BRIEF)
    assert first[1] == second[0] == 55 * 512


def test_a_dip_that_stays_above_the_lower_threshold_does_not_end_speech() -> None:
    assert len(regions(probabilities_of((50, 0.9), (100, 0.4), (50, 0.9)))) == 1


def test_a_region_has_the_exact_times_of_speech_in_it() -> None:
    probabilities = probabilities_of((10, 0.1), (50, 0.9), (20, 0.1), (3, 0.9), (3, 0.1), (30, 0.9), (100, 0.1))
    machine = Regions(SlicingOptions())
    (region,) = machine.feed(probabilities)
    assert [(a // 512, b // 512) for a, b in region.speech] == [(10, 60), (80, 116)]  # 96 ms are no silence


def test_a_region_is_certain_once_nothing_can_follow_within_its_padding() -> None:
    machine = Regions(BRIEF)
    assert machine.feed(probabilities_of((50, 0.9), (25, 0.1))) == []
    assert machine.feed([0.1]) == [Region((0, 50 * 512 + PAD), speech=((0, 50 * 512),))]


def test_speech_that_never_pauses_is_cut_to_the_longest_chunk() -> None:
    found = regions(probabilities_of((2000, 0.9)), SlicingOptions(max_chunk_s=10))
    assert all(end - start <= 160_000 for start, end in found)
    assert found[0][0] == 0
    assert found[-1][1] == 2000 * 512


def test_speech_that_never_pauses_is_cut_where_it_is_weakest_in_its_last_seconds() -> None:
    first, second = regions(probabilities_of((100, 0.3 + 0.21), (700, 0.9), (2, 0.6), (300, 0.9)), SlicingOptions(max_chunk_s=30))
    assert first[1] == second[0] == 801 * 512  # the later one of two that are equally weak; the weaker start is too early


@pytest.mark.parametrize("seed", range(20))
def test_cut_speech_loses_no_sample_and_no_part_is_too_long(seed: int) -> None:
    chance = random.Random(seed)
    limit_s = chance.choice([1, 2, 5, 30])
    probabilities = [chance.uniform(0.5, 1) for _ in range(3000)]
    found = regions(probabilities, SlicingOptions(max_chunk_s=limit_s))
    assert found[0][0] == 0
    assert found[-1][1] == 3000 * 512
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert all(0 < end - start <= limit_s * 16_000 for start, end in found)


@pytest.mark.parametrize("seed", range(20))
def test_no_region_begins_before_needed_from(seed: int) -> None:
    chance = random.Random(seed)
    limits = {"max_chunk_s": chance.choice([1, 3, 30]), "min_speech_s": chance.choice([0, 0.1, 0.5])}
    machine = Regions(
        SlicingOptions(speech_pad_s=chance.choice([0, 0.1, 0.4, 3]), min_silence_s=chance.choice([0, 0.1, 2]), **limits)
    )
    needed, last_end = 0, 0
    for _ in range(3000):
        for region in machine.feed([chance.choice([0.1, 0.1, 0.4, 0.9, 0.9])]):
            start, end = region.span
            assert needed <= start
            assert last_end <= start < end
            last_end = end
        assert machine.needed_from >= needed
        needed = machine.needed_from
