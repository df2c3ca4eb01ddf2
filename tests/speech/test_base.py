"""The multilingual `base`: English, another language, and both in one file."""

from collections.abc import Callable, Sequence

import pytest

from benchmarks.speech import files
from benchmarks.speech.comparison import Row
from benchmarks.speech.reading import Way
from benchmarks.speech.recordings import Part
from murmur.word_errors import align, words
from schemas.transcript import Transcript
from tests.speech.bounds import check
from tests.speech.conftest import Readings

MODEL = "base"
FILES = ("talk", "italian")


@pytest.mark.parametrize("limit_s", [30.0, 10.0])
def test_english_and_italian_are_as_complete_as_faster_whispers(
    readings: Readings, limit_s: float, show: Callable[[Row], None]
) -> None:
    check(readings.rows(MODEL, FILES, limit_s), limit_s, show)


def test_they_are_as_complete_with_the_times_of_words(readings: Readings, show: Callable[[Row], None]) -> None:
    check(readings.rows(MODEL, FILES, 30.0, words=True), 30.0, show)


def kept(part: Part, transcript: Transcript) -> float:
    """The share of a part's words that are written, in their order."""
    steps = align(words(part.text), words(transcript.text))
    return sum(step.kind == "same" for step in steps) / len(words(part.text))


def covered(part: Part, spans: Sequence[tuple[float, float]]) -> float:
    """The share of a part's time inside spans, which do not overlap."""
    return sum(max(0.0, min(end, part.end) - max(start, part.start)) for start, end in spans) / (part.end - part.start)


def word_spans(transcript: Transcript) -> list[tuple[float, float]]:
    """Not the segments': those may reach over speech that is not in their text."""
    return [(word.start, word.end) for segment in transcript.segments for word in segment.words or ()]


def test_a_chunk_of_two_languages_keeps_both(readings: Readings) -> None:
    """All three sentences are in one chunk. What a model makes of Italian that it reads as English is its own."""
    file = files.get("two-languages")
    transcript = readings.transcript(MODEL, file, Way(None))
    before, italian, after = file.parts
    assert kept(before, transcript) >= 0.9
    assert kept(after, transcript) >= 0.9
    others = len(words(transcript.text)) - len(words(before.text)) - len(words(after.text))
    assert others >= 0.6 * len(words(italian.text))


def test_a_multilingual_transcript_has_each_language_in_its_own_words(readings: Readings) -> None:
    file = files.get("two-languages")
    transcript = readings.transcript(MODEL, file, Way(None, multilingual=True))
    before, italian, after = file.parts
    assert kept(before, transcript) >= 0.9
    assert kept(after, transcript) >= 0.9
    assert kept(italian, transcript) >= 0.6


def test_speech_without_text_is_a_warning(readings: Readings) -> None:
    """An English model leaves the Italian sentence out: then the transcript has a warning with its place."""
    file = files.get("two-languages")
    transcript = readings.transcript("tiny.en", file, Way("en", words=True))
    warned = [(w.start, w.end) for w in transcript.warnings if w.code == "no_text" and w.start is not None and w.end is not None]
    for part in file.parts:
        assert covered(part, [*word_spans(transcript), *warned]) >= 0.6, part
