"""Long and disturbed English with `tiny.en`: as complete as faster-whisper's transcripts, and every word where it is spoken."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.speech import files
from benchmarks.speech.comparison import Row
from benchmarks.speech.edges import edges
from benchmarks.speech.reading import Way
from schemas.segment import Segment
from tests.speech.bounds import check, timed
from tests.speech.conftest import Readings

MODEL = "tiny.en"
LONG = ("talk", "pauses", "unbroken")
DISTURBED = ("noise", "music", "telephone", "gsm", "quiet", "fast")
WORDS = Way("en", words=True)
OFF_S = 0.15
PAUSE_S = 0.5  # the speech detector finds the edges of such a pause to 0.05 s; it does not detect every pause of 0.2 s


@pytest.mark.parametrize("limit_s", [30.0, 20.0, 10.0])
def test_long_files_are_as_complete_as_faster_whispers(readings: Readings, limit_s: float, show: Callable[[Row], None]) -> None:
    check(readings.rows(MODEL, LONG, limit_s), limit_s, show)


def test_long_files_are_as_complete_in_full_windows(readings: Readings, show: Callable[[Row], None]) -> None:
    check(readings.rows(MODEL, LONG, 30.0, window="full"), 30.0, show)


def test_long_files_are_as_complete_with_the_times_of_words(readings: Readings, show: Callable[[Row], None]) -> None:
    check(readings.rows(MODEL, LONG, 30.0, words=True), 30.0, show)


def test_long_files_are_as_complete_without_speech_detection_on_both_sides(
    readings: Readings, show: Callable[[Row], None]
) -> None:
    check(readings.rows(MODEL, ("pauses", "unbroken"), 30.0, vad=False), 30.0, show)


def test_noise_music_telephones_and_quiet_or_fast_speech_lose_no_more(readings: Readings, show: Callable[[Row], None]) -> None:
    check(readings.rows(MODEL, DISTURBED, 30.0), 30.0, show)


def segments(readings: Readings, name: str) -> tuple[Segment, ...]:
    return readings.transcript(MODEL, files.get(name), WORDS).segments


@pytest.mark.parametrize("name", LONG)
def test_every_segment_and_word_of_a_long_file_has_a_length(readings: Readings, name: str) -> None:
    transcript = readings.transcript(MODEL, files.get(name), WORDS)
    found = timed(transcript)
    assert len(found) > len(transcript.segments)
    assert [each for each in found if each.end <= each.start] == []


@pytest.mark.parametrize("name", LONG)
def test_words_are_in_order_and_inside_of_their_segments(readings: Readings, name: str) -> None:
    found = segments(readings, name)
    assert [segment for segment in found if not segment.words] == []
    words = [word for segment in found for word in segment.words or ()]
    assert [(one, next_one) for one, next_one in pairwise(words) if next_one.start < one.end] == []
    outside = [(s, w) for s in found for w in s.words or () if not s.start <= w.start <= w.end <= s.end]
    assert outside == []


@pytest.mark.parametrize("name", ["talk", "pauses"])
def test_sentences_begin_and_end_where_they_are_spoken(readings: Readings, name: str) -> None:
    file = files.get(name)
    words = [word for segment in segments(readings, name) for word in segment.words or ()]
    found = edges(file.parts, words)
    assert len(found) >= 1.9 * len(file.parts)  # nearly every part's first and last word is in the transcript
    off = [(edge.part.text, edge.true_s, edge.written_s) for edge in found if abs(edge.off_s) > OFF_S and edge.pause_s >= PAUSE_S]
    assert off == []
    assert np.median([abs(edge.off_s) for edge in found]) <= OFF_S / 2
