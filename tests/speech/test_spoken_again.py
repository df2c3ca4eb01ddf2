"""A sentence that is said many times is written as often: neither filters nor the search for echoes take it for an invention."""

import pytest

from benchmarks.speech import compose, recordings
from benchmarks.speech.reading import Way
from benchmarks.speech.recordings import SpeechFile
from murmur.word_errors import score
from schemas.options import ALL_FILTERS, Filter
from tests.speech.conftest import Readings

PAUSE_S = 1.3  # as long as those of the recordings, placed one after another


def said_again(name: str, times: int, pause_s: float) -> SpeechFile:
    recording = recordings.recording(f"{name}.flac")
    return compose.as_wav(compose.join(f"{name} {times}", [recording] * times, [pause_s] * (times - 1)))


@pytest.mark.parametrize("filters", [ALL_FILTERS, ()], ids=["filters", "no filters"])
@pytest.mark.parametrize(
    ("model", "name", "times", "pause_s"),
    [
        ("tiny.en", "garden", 5, PAUSE_S),
        ("tiny.en", "list", 3, PAUSE_S),
        ("tiny.en", "short-yes", 6, 4.0),
        ("base", "garden", 5, PAUSE_S),
        ("base", "short-yes", 10, PAUSE_S),
    ],
)
def test_a_sentence_that_is_said_again_and_again_is_written_as_often(
    readings: Readings, model: str, name: str, times: int, pause_s: float, filters: tuple[Filter, ...]
) -> None:
    file = said_again(name, times, pause_s)
    transcript = readings.transcript(model, file, Way("en", filters=filters))
    assert score(file.text, transcript.text).missing == 0, transcript.text
    assert transcript.removed == ()
    assert transcript.warnings == ()
