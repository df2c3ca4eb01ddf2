"""What models invent over sound without speech is removed, and not one spoken sentence: with the filters at their defaults."""

from dataclasses import replace

import pytest

from benchmarks.speech import compose, files, inventions, recordings, sounds
from benchmarks.speech.inventions import Inventions
from benchmarks.speech.reading import Way
from benchmarks.speech.recordings import SpeechFile
from murmur.word_errors import words
from tests.speech.conftest import Readings

MODELS = ("tiny.en", "base")
BEAMS = {"tiny.en": 5, "base": 1}  # a beam costs minutes, and a greedy search invents as much
SOUND_S = 100.0  # of each, ten minutes in all
INVENTED_AT_LEAST = {"tiny.en": 60, "base": 200}  # words by the model alone: else the sounds would prove nothing
LEFT_AT_MOST = {"tiny.en": 2, "base": 6}
SPEECH = {
    "tiny.en": [*files.FILES, *recordings.names()],
    "base": ["talk", "italian"],
}
CLIPS = ("weather.flac", "interview.flac", "story.flac", "doctor.flac", "travel.flac")
PHRASES = ["thanks for watching", "please subscribe to my channel", "thank you very much and see you next time"]


@pytest.mark.parametrize("model", MODELS)
def test_what_is_invented_over_ten_minutes_without_speech_is_removed(readings: Readings, model: str) -> None:
    """Without speech detection, which keeps most of such sound from the model; at one temperature, since samples cost minutes."""
    way = Way("en", vad=False, beam_size=BEAMS[model], temperature=(0.0,))
    found = Inventions()
    for name, make in sounds.SOUNDS.items():
        file = SpeechFile(name, "en", compose.pcm_wav(make(SOUND_S, 3)), ())
        found += inventions.count(file, readings.transcript(model, file, way))
    print(model, found)  # with `pytest -rA`
    assert found.invented >= INVENTED_AT_LEAST[model], found
    assert found.left <= LEFT_AT_MOST[model], found


@pytest.mark.parametrize(
    ("model", "vad"),
    [("tiny.en", True), ("tiny.en", False), ("base", True)],
    ids=["tiny.en", "tiny.en without detection", "base"],
)
def test_nothing_that_somebody_says_is_removed(readings: Readings, model: str, vad: bool) -> None:
    for name in SPEECH[model]:
        file = files.get(name) if name in files.FILES else recordings.file(name)
        if file.language == "en" or model == "base":
            transcript = readings.transcript(model, file, Way(file.language, vad=vad))
            assert inventions.count(file, transcript).lost == 0, (file.name, transcript.removed)


@pytest.mark.parametrize("limit_s", [1.0, 2.0, 5.0])
def test_in_short_chunks_without_detection_no_spoken_word_is_removed(readings: Readings, limit_s: float) -> None:
    """A chunk may consist of speech alone, and then has no background."""
    for name in CLIPS:
        file = recordings.file(name)
        transcript = readings.transcript("tiny.en", file, Way("en", limit_s, vad=False))
        assert inventions.count(file, transcript).lost == 0, (name, transcript.removed)


@pytest.mark.parametrize("vad", [True, False], ids=["with detection", "without"])
@pytest.mark.parametrize("model", MODELS)
def test_phrases_that_models_invent_stay_where_somebody_says_them(readings: Readings, model: str, vad: bool) -> None:
    transcript = readings.transcript(model, recordings.file("thanks.opus"), Way("en", vad=vad))
    written = " ".join(words(transcript.text))
    assert [phrase for phrase in PHRASES if phrase not in written] == []
    assert transcript.removed == ()


def test_a_removed_text_is_recorded_and_without_filters_it_stays(readings: Readings) -> None:
    file = SpeechFile("silence", "en", compose.pcm_wav(sounds.silence(30.0, 3)), ())
    filtered = readings.transcript("tiny.en", file, Way("en", vad=False))
    unfiltered = readings.transcript("tiny.en", file, replace(Way("en", vad=False), filters=()))
    assert filtered.text == ""
    assert [warning.code for warning in filtered.warnings if warning.code == "text_removed"] == ["text_removed"]
    removed = words(" ".join(each.text for each in filtered.removed))
    assert removed
    assert words(unfiltered.text)[: len(removed)] == removed  # decoding goes on after it
    assert unfiltered.removed == ()
