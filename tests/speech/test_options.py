"""What a submitter may ask for and only original weights can do: names spelt by a prompt, and a translation."""

import json
from pathlib import Path

from benchmarks.speech import compose, recordings
from benchmarks.speech.reading import Way
from benchmarks.speech.recordings import Recording
from murmur.word_errors import words
from tests.processes import Murmur
from tests.speech.conftest import Readings, Weights

PROMPT = "Margret and Olivier Hendersen."


def test_a_prompt_gives_the_spelling_of_names_and_changes_no_other_word(readings: Readings) -> None:
    def read(clip: str, prompt: str | None) -> list[str]:
        return words(readings.transcript("tiny.en", recordings.file(f"{clip}.flac"), Way("en", prompt=prompt)).text)

    prompted, plain = read("names", PROMPT), read("names", None)
    assert {"margret", "hendersen"} <= set(prompted)
    assert not {"margret", "hendersen"} & set(plain)
    for clip in ("meeting", "software"):
        assert read(clip, PROMPT) == read(clip, None) == words(recordings.file(f"{clip}.flac").text)


def test_a_translation_of_italian_is_in_english(tmp_path: Path, weights: Weights) -> None:
    """As a person asks for it. How good it is, is the model's own."""
    italian = recordings.recording("italian.opus")
    first, second, *_ = italian.parts
    spoken = italian.samples[: round((second.end + 0.2) * recordings.RATE_HZ)]
    (tmp_path / "talk.wav").write_bytes(compose.as_wav(Recording("talk", "it", spoken, (first, second))).data)
    murmur = Murmur(tmp_path, {"MURMUR_MODELS_DIR": str(weights("base").parent), "MURMUR_MODEL": "base", "MURMUR_DEVICE": "cpu"})
    done = murmur("transcribe", "talk.wav", "--task", "translate", "--formats", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "talk.json").read_bytes())
    assert (document["task"], document["language"]) == ("translate", "it")
    written = set(words(document["text"]))
    assert {"the", "train", "station"} <= written
    assert not {"il", "treno", "dalla", "stazione"} & written
