"""What a job may ask for and only original weights can do: hints, how the text is searched, a translation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.speech import compose, recordings, sounds
from benchmarks.speech.reading import Way
from murmur.word_errors import words
from processors.transcriber.engine import Window
from schemas.options import TEMPERATURES, DecodingOptions
from tests.processes import Murmur
from tests.speech.conftest import Readings, Weights, italian
from tests.speech.one_window import OneWindow

NOISE_DB = -8.0  # the noise is louder than the speech
PROMPT = "Margret and Olivier Hendersen."


def test_a_prompt_gives_the_spelling_of_names_and_changes_no_other_word(readings: Readings) -> None:
    def read(clip: str, prompt: str | None) -> list[str]:
        return words(readings.transcript("tiny.en", recordings.file(f"{clip}.flac"), Way("en", prompt=prompt)).text)

    prompted, plain = read("names", PROMPT), read("names", None)
    assert {"margret", "hendersen"} <= set(prompted)
    assert not {"margret", "hendersen"} & set(plain)
    for clip in ("meeting", "software"):
        assert read(clip, PROMPT) == read(clip, None) == words(recordings.file(f"{clip}.flac").text)


DAWN = 17577  # the token of " dawn" in the English models
PLAIN = DecodingOptions(language="en")
HOTWORDS = DecodingOptions(language="en", hotwords="Oliver, Henderson")
GREEDY = DecodingOptions(language="en", beam_size=1)
SUPPRESSED = DecodingOptions(language="en", suppress_tokens=(-1, DAWN))
ASKED = {
    "nothing": PLAIN,
    "hotwords": HOTWORDS,
    "prompt": DecodingOptions(language="en", prompt=PROMPT),
    "hotwords and prompt": DecodingOptions(language="en", hotwords="Oliver, Henderson", prompt=PROMPT),
    "beam": GREEDY,
    "suppressed": SUPPRESSED,
    "nothing suppressed": DecodingOptions(language="en", suppress_tokens=()),
    "one temperature": DecodingOptions(language="en", temperature=(0.0,)),
}


@pytest.mark.parametrize("asked", ASKED)
def test_with_an_option_the_text_is_faster_whispers(asked: str, one_window: Callable[[str], OneWindow]) -> None:
    tiny = one_window("tiny.en")
    for clip in ("names", "phone", "harbour"):
        samples = recordings.recording(f"{clip}.flac").samples
        assert tiny.murmur(samples, ASKED[asked]) == tiny.faster_whisper(samples, ASKED[asked])


@pytest.mark.parametrize(
    ("clip", "options", "gained", "lost"),
    [
        ("names", HOTWORDS, {"oliver"}, {"her"}),
        ("names", GREEDY, {"weather"}, {"whether"}),
        ("harbour", SUPPRESSED, {"don"}, {"dawn"}),
    ],
    ids=["hotwords", "beam", "suppressed"],
)
def test_an_option_changes_the_words_that_it_should(
    clip: str, options: DecodingOptions, gained: set[str], lost: set[str], one_window: Callable[[str], OneWindow]
) -> None:
    """tiny.en writes "all of her" for Oliver without hotwords, and the wrong one of two words that sound alike without a beam or
    without the token of the right one."""
    samples = recordings.recording(f"{clip}.flac").samples
    plain, asked = (set(words(one_window("tiny.en").murmur(samples, each))) for each in (PLAIN, options))
    assert gained <= asked - plain
    assert lost <= plain - asked


def test_with_one_temperature_no_other_is_tried(one_window: Callable[[str], OneWindow], monkeypatch: pytest.MonkeyPatch) -> None:
    """In so much noise texts are unlikely or repetitions."""
    engine = one_window("tiny.en").engine
    generate, tried = engine._generate, set[float]()

    def noted(encoded: Any, starts: Any, beam_size: int, temperature: float, suppressed: Any) -> Any:
        tried.add(temperature)
        return generate(encoded, starts, beam_size, temperature, suppressed)

    monkeypatch.setattr(engine, "_generate", noted)
    clips = [recordings.recording(f"{name}.flac") for name in ("names", "harbour", "story", "list")]
    noisy = [compose.mixed(clip, sounds.noise(clip.duration_s), NOISE_DB).samples for clip in clips]
    for temperature, expected in ((TEMPERATURES, set(TEMPERATURES[:2])), ((0.2,), {0.2})):
        tried.clear()
        for samples in noisy:
            engine.transcribe([Window(samples, DecodingOptions(language="en", temperature=temperature))])
        assert expected <= tried <= set(temperature)


def test_a_translation_is_faster_whispers(one_window: Callable[[str], OneWindow]) -> None:
    samples, options = recordings.decode(italian(1).data), DecodingOptions(language="it", task="translate")
    translated = one_window("base").murmur(samples, options)
    assert translated == one_window("base").faster_whisper(samples, options)
    assert {"the", "train", "station"} <= set(words(translated))


def test_a_translation_of_italian_is_in_english(tmp_path: Path, weights: Weights) -> None:
    """As a person asks for it. How good it is, is the model's own."""
    (tmp_path / "talk.wav").write_bytes(italian(2).data)
    murmur = Murmur(tmp_path, {"MURMUR_MODELS_DIR": str(weights("base").parent), "MURMUR_MODEL": "base", "MURMUR_DEVICE": "cpu"})
    done = murmur("transcribe", "talk.wav", "--task", "translate", "--formats", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "talk.json").read_bytes())
    assert (document["task"], document["language"]) == ("translate", "it")
    written = set(words(document["text"]))
    assert {"the", "train", "station"} <= written
    assert not {"il", "treno", "dalla", "stazione"} & written
