"""A file without speech detection, as regions."""

import random
from itertools import pairwise

import numpy as np
import pytest

from processors.slicer.audio import Samples
from processors.slicer.regions import Region
from processors.slicer.unfiltered import UnfilteredRegions
from schemas.options import SlicingOptions


def noise(duration_s: float, peak: int = 1000) -> Samples:
    return np.random.default_rng(0).integers(-peak, peak + 1, round(duration_s * 16_000), np.int16)


def silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * 16_000), np.int16)


def regions(samples: Samples, max_chunk_s: float = 30, block: int = 16_384) -> list[Region]:
    source = UnfilteredRegions(SlicingOptions(vad=False, max_chunk_s=max_chunk_s))
    found: list[Region] = []
    for at in range(0, len(samples), block):
        needed = source.needed_from
        new = source.feed(samples[at : at + block])
        assert all(region.span[0] >= needed for region in new)
        found += new
    return found + source.finish()


def test_a_file_that_fits_into_a_chunk_is_one_region() -> None:
    assert [region.span for region in regions(noise(30))] == [(0, 480_000)]


@pytest.mark.parametrize("seed", range(10))
def test_no_sample_is_lost_and_no_region_is_too_long(seed: int) -> None:
    chance = random.Random(seed)
    limit_s, samples = chance.choice([1, 2.5, 10, 30]), noise(chance.uniform(0.01, 95))
    found = regions(samples, limit_s, chance.choice([100, 16_384, 1_000_000]))
    assert (found[0].span[0], found[-1].span[1]) == (0, len(samples))
    assert all(before.span[1] == after.span[0] for before, after in pairwise(found))
    assert all(0 < end - start <= limit_s * 16_000 for start, end in (region.span for region in found))
    assert all(region.speech == (region.span,) for region in found)


def test_regions_do_not_depend_on_how_the_samples_arrive() -> None:
    samples = noise(70)
    assert len({tuple(regions(samples, 10, block)) for block in (100, 16_384, len(samples))}) == 1


def test_a_region_ends_where_it_is_quietest_in_its_last_ten_seconds() -> None:
    parts = [noise(15), noise(1, 20), noise(10), noise(0.5, 50), noise(10)]
    first, second = regions(np.concatenate(parts))
    assert first.span[1] == second.span[0] == pytest.approx(26.25 * 16_000, abs=0.15 * 16_000)


def test_silence_between_sounds_is_in_the_region_and_is_not_speech() -> None:
    (region,) = regions(np.concatenate([silence(2), noise(3), silence(0.9), noise(3), silence(5), noise(1)]))
    assert [(start / 16_000, end / 16_000) for start, end in region.speech] == [(2, 8.9), (13.9, 14.9)]
    assert region.span == (0, 14.9 * 16_000)


def test_a_silent_region_is_left_out() -> None:
    first, *_, last = found = regions(np.concatenate([noise(5), silence(300), noise(5)]))
    assert len(found) < 5
    assert (first.speech, last.speech) == (((0, 80_000),), ((305 * 16_000, 310 * 16_000),))
    assert regions(silence(100)) == []
