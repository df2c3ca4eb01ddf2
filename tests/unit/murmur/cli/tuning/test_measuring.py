"""The same speech in every way, the reference first, and nothing more once the time is spent."""

from itertools import repeat

import pytest

from murmur.cli.tuning.figures import FULL, EncoderChoice
from murmur.cli.tuning.measuring import Cores, replica_counts
from murmur.word_errors import Score
from schemas.options import DecodingOptions
from tests.unit.murmur.cli.tuning.fakes import FakeClock, FakePassage, FakeReader, fit, measuring

ENGLISH = DecodingOptions(language="en")


def test_every_window_reads_the_same_chunks_and_is_compared_with_full() -> None:
    time = FakeClock()
    reader = FakeReader(time, lambda d: "one two" if d.encoder_window == "full" else f"one {d.encoder_margin_s:g}")
    figures = measuring(time, 10_000, ENGLISH).windows(reader, [FakePassage()] * 2)
    assert list(figures) == [FULL, fit(2), fit(5), fit(8)]
    assert {figure.speech_s for figure in figures.values()} == {120.0}
    assert {choice: figure.cost_s for choice, figure in figures.items()} == {FULL: 120, fit(2): 60, fit(5): 60, fit(8): 60}
    assert [figure.difference.errors for figure in figures.values()] == [0, 0, 4, 4]
    assert figures[FULL].difference == Score(words=8)
    assert [figure.refitted for figure in figures.values()] == [0, 4, 4, 4]


def test_the_models_own_margin_is_measured_too() -> None:
    time = FakeClock()
    own = DecodingOptions(language="en", encoder_window="fit", encoder_margin_s=3)
    assert list(measuring(time, 10_000, own).windows(FakeReader(time), [FakePassage()]))[1:] == [fit(2), fit(3), fit(5), fit(8)]


def test_a_passage_is_read_in_the_one_language_that_is_detected_at_its_beginning() -> None:
    time = FakeClock()
    reader = FakeReader(time)
    measuring(time, 10_000, DecodingOptions()).windows(reader, [FakePassage()])
    assert (reader.calls[0].language, reader.calls[0].encoder_window) == (None, "full")
    assert {decoding.language for decoding in reader.calls[1:]} == {"pt"}


def test_no_more_is_read_when_the_time_is_spent_and_its_share_is_reported() -> None:
    time, shares = FakeClock(), list[float]()
    # A chunk in all windows takes 75 s: the third begins after 150 s, the share of windows ends after 180.
    figures = measuring(time, 300, ENGLISH, shares).windows(FakeReader(time), repeat(FakePassage()))
    assert {figure.chunks for figure in figures.values()} == {3}
    assert shares == [0.25, 0.5, 0.75]


def test_it_is_known_whether_all_was_read(time: FakeClock) -> None:
    for total_s, is_all in ((10_000, True), (100, False)):
        work, reader = measuring(time, total_s, ENGLISH), FakeReader(time)
        assert work.others(work.windows(reader, [FakePassage()]), FULL, reader, None).is_all is is_all


def test_one_chunk_is_read_however_short_the_time() -> None:
    time = FakeClock()
    figures = measuring(time, 1, ENGLISH).windows(FakeReader(time), repeat(FakePassage()))
    assert {figure.chunks for figure in figures.values()} == {1}


@pytest.fixture
def time() -> FakeClock:
    return FakeClock()


def test_limits_and_replicas_are_measured_with_the_best_window_on_what_was_read_before(time: FakeClock) -> None:
    work = measuring(time, 10_000, ENGLISH)
    windows = work.windows(FakeReader(time), [FakePassage()])
    reader, loaded = FakeReader(time), list[int]()

    def load(replicas: int) -> FakeReader:
        loaded.append(replicas)
        return reader

    measured = work.others(windows, fit(5), reader, Cores(3, load))
    assert {limit: figure.chunks for limit, figure in measured.chunk_limits.items()} == {10: 6, 20: 3, 30: 2}
    assert measured.chunk_limits[10].difference.errors == 20  # the fake writes the same for a chunk of any length
    assert measured.chunk_limits[30].difference.errors == 0
    assert loaded == [3]
    assert list(measured.replicas) == [1, 2, 3]
    assert {EncoderChoice(d.encoder_window, d.encoder_margin_s) for d in reader.calls} == {fit(5)}


def test_what_the_time_does_not_reach_is_not_measured(time: FakeClock) -> None:
    work, reader = measuring(time, 100, ENGLISH), FakeReader(time)
    windows = work.windows(reader, [FakePassage()])
    measured = work.others(windows, FULL, reader, Cores(2, lambda replicas: reader))
    assert (measured.chunk_limits, measured.replicas) == ({}, {})


def test_a_gpu_has_no_replicas(time: FakeClock) -> None:
    work, reader = measuring(time, 10_000, ENGLISH), FakeReader(time)
    assert work.others(work.windows(reader, [FakePassage()]), FULL, reader, None).replicas == {}


@pytest.mark.parametrize(("cores", "counts"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_numbers_of_replicas_double_up_to_all_cores(cores: int, counts: list[int]) -> None:
    assert replica_counts(cores) == counts
