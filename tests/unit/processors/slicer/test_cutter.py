"""Regions to chunks."""

from processors.slicer.cutter import Chunk, Cutter
from processors.slicer.regions import Region
from schemas.work import Span


def chunks(max_samples: int, *regions: Region) -> list[Chunk]:
    cutter = Cutter(max_samples)
    return [*(chunk for region in regions for chunk in cutter.add(region)), *cutter.finish()]


def cut(max_samples: int, *regions: Span) -> list[tuple[Span, ...]]:
    return [chunk.pieces for chunk in chunks(max_samples, *(Region(span, (span,)) for span in regions))]


def test_no_speech_makes_no_chunk() -> None:
    assert cut(100) == []


def test_neighbours_share_a_chunk_as_long_as_they_fit() -> None:
    assert cut(100, (0, 50), (500, 550), (600, 601)) == [((0, 50), (500, 550)), ((600, 601),)]


def test_only_speech_counts_towards_the_limit_and_not_the_silence_between() -> None:
    assert cut(100, (0, 10), (1_000_000, 1_000_010)) == [((0, 10), (1_000_000, 1_000_010))]


def test_regions_that_touch_are_one_piece_so_that_the_list_stays_short() -> None:
    assert cut(100, (0, 40), (40, 60), (61, 70)) == [((0, 60), (61, 70))]


def test_a_region_longer_than_a_chunk_is_split_without_losing_a_sample() -> None:
    assert cut(100, (10, 260)) == [((10, 93),), ((93, 176),), ((176, 260),)]


def test_a_first_region_longer_than_a_chunk_makes_no_empty_chunk() -> None:
    assert all(pieces for pieces in cut(10, (0, 25), (30, 31)))


def test_a_chunk_is_given_out_as_soon_as_the_next_region_does_not_fit() -> None:
    cutter = Cutter(100)
    assert list(cutter.add(Region((0, 60), ((10, 50),)))) == []
    assert list(cutter.add(Region((70, 130), ((80, 120),)))) == [Chunk(((0, 60),), ((10, 50),))]


def test_the_span_is_from_the_first_regions_start_to_the_last_ones_end() -> None:
    assert Chunk(((5, 10), (20, 30)), ((6, 9),)).span == (5, 30)


def test_a_chunk_keeps_where_speech_is_without_its_padding() -> None:
    (chunk,) = chunks(100, Region((0, 40), ((10, 20), (25, 35))), Region((40, 60), ((45, 60),)))
    assert (chunk.pieces, chunk.speech) == (((0, 60),), ((10, 20), (25, 35), (45, 60)))


def test_speech_that_is_split_is_split_with_its_region() -> None:
    assert [chunk.speech for chunk in chunks(100, Region((0, 150), ((40, 150),)))] == [((40, 75),), ((75, 150),)]
