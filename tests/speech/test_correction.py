"""Natural speech with original weights, corrected by rules: numbers, names and casing, and words that follow."""

import json
from pathlib import Path

from benchmarks.speech import recordings
from tests.processes import Murmur
from tests.speech.conftest import Weights

RULES = """
rules:
  - {name: numbers, languages: [en], numbers: digits}
  - {name: names, words: {chicago: Chicago (Illinois)}}
  - {name: loud, pattern: '\\bbridge\\b', replace: BRIDGE}
  - {name: casing, casing: sentences}
"""


def test_numbers_names_and_casing_are_corrected_and_words_keep_their_times(weights: Weights, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    environment = {
        "MURMUR_MODELS_DIR": str(weights("tiny.en").parent),
        "MURMUR_MODEL": "tiny.en",
        "MURMUR_DEVICE": "cpu",
        "MURMUR_CORRECTION_RULES_FILE": str(tmp_path / "rules.yaml"),
    }
    files = [recordings.FOLDER / name for name in ("history.flac", "names.flac")]
    done = Murmur(tmp_path, environment)("transcribe", *files, "--out", ".", "--formats", "json,srt", "--words")
    assert done.returncode == 0, done.stderr
    history, names = (json.loads((tmp_path / f"{file.stem}.json").read_bytes()) for file in files)
    assert "BRIDGE took 11 years" in history["text"]
    assert "only 4 months" in history["text"]
    assert "four months" in history["raw_text"]
    assert "in Chicago (Illinois)." in names["text"]
    for document in (history, names):
        (segment,) = document["segments"]
        words = segment["words"]
        assert "".join(word["word"] for word in words).strip() == segment["text"] != segment["raw_text"]
        assert [word for word in words if word["end"] <= word["start"]] == []
        assert [word["start"] for word in words] == sorted(word["start"] for word in words)
    (four,) = [word for word in history["segments"][0]["words"] if word["word"] == " 4"]
    assert 0.1 < four["end"] - four["start"] < 1
    assert "4 months" in (tmp_path / "history.srt").read_text()
