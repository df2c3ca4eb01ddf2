"""The whole system on a long file, with original weights: what the readings of this tier leave out changes no word."""

from pathlib import Path

from benchmarks.speech import files
from benchmarks.speech.reading import Way
from tests.processes import Murmur
from tests.speech.conftest import Readings, Weights


def test_murmur_transcribe_writes_the_text_of_the_stages_alone(readings: Readings, weights: Weights, tmp_path: Path) -> None:
    file = files.get("pauses")
    (tmp_path / "pauses.wav").write_bytes(file.data)
    murmur = Murmur(
        tmp_path, {"MURMUR_MODELS_DIR": str(weights("tiny.en").parent), "MURMUR_MODEL": "tiny.en", "TMPDIR": str(tmp_path)}
    )
    result = murmur("transcribe", "pauses.wav", "--language", "en", "--formats", "txt")
    assert result.returncode == 0, result.stderr
    written = (tmp_path / "pauses.txt").read_text().split()
    assert written == readings.transcript("tiny.en", file, Way("en")).text.split()
