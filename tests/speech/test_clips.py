"""Single sentences, the shortest among them, and sounds without speech."""

import numpy as np
import pytest

from benchmarks.speech import compose, recordings, sounds
from benchmarks.speech.reading import Way
from benchmarks.speech.recordings import SpeechFile
from murmur.word_errors import words
from tests.speech.bounds import timed
from tests.speech.conftest import Readings

MODELS = ("tiny.en", "base")
SOUND_S = 60.0
ENGLISH = [name for name in recordings.names() if recordings.file(name).language == "en" and name not in ("talk.opus", "gsm.wav")]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ["short-yes", "short-no", "short-hello"])
def test_a_second_of_speech_is_read(readings: Readings, name: str, model: str) -> None:
    file = recordings.file(f"{name}.flac")
    for with_words in (False, True):
        assert words(readings.transcript(model, file, Way("en", words=with_words)).text) == words(file.text)


@pytest.mark.parametrize("name", ENGLISH)
def test_no_segment_and_no_word_of_a_clip_is_of_no_length(readings: Readings, name: str) -> None:
    transcript = readings.transcript("tiny.en", recordings.file(name), Way("en", words=True))
    found = timed(transcript)
    assert len(found) > len(transcript.segments) > 0
    assert [each for each in found if each.end <= each.start] == []


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("sound", sounds.SOUNDS)
def test_no_text_is_invented_without_speech(readings: Readings, sound: str, model: str) -> None:
    samples = sounds.SOUNDS[sound](SOUND_S, 3)
    file = SpeechFile(sound, "en", compose.pcm_wav(samples), ())
    assert readings.transcript(model, file, Way("en")).segments == ()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("around_s", [0.0, 1.0])
def test_a_tenth_of_a_second_of_noise_has_no_text(readings: Readings, around_s: float, model: str) -> None:
    burst = np.pad(sounds.noise(0.1), round(around_s * recordings.RATE_HZ))
    file = SpeechFile("burst", "en", compose.pcm_wav(burst), ())
    assert readings.transcript(model, file, Way("en")).segments == ()
