"""Original weights by name, from a folder of models: no hub is needed."""

import json
from pathlib import Path

import pytest

from runtime.models import catalogue
from scripts import models
from tests.clips import BY_NAME, word_errors
from tests.processes import Murmur
from tests.speech.conftest import Weights


@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_the_weights_are_usable_by_name(name: str, weights: Weights) -> None:
    path = weights(name)
    model = catalogue.resolve(name, models.directory())
    assert model.path == path
    assert model.ref.name == name
    assert model.ref.revision != catalogue.resolve(name).ref.revision  # weights of another origin are another revision
    assert catalogue.fetch(model, lambda done, total: None) == path


def test_without_a_setting_transcribe_uses_base_and_no_hub(tmp_path: Path, weights: Weights) -> None:
    weights("base")
    environment = {"MURMUR_MODELS_DIR": str(models.directory()), "MURMUR_DEVICE": "cpu", "HF_HUB_OFFLINE": "1"}
    clip = BY_NAME["en-command.wav"]
    run = Murmur(tmp_path, environment)("transcribe", clip.path, "--out", tmp_path, "--language", "English", "--formats", "json")
    assert run.returncode == 0, run.stderr
    document = json.loads((tmp_path / "en-command.json").read_bytes())
    assert document["model"]["name"] == "base"
    assert document["language"] == "en"
    assert word_errors(clip.text, document["text"]) <= clip.wer_max
    assert document["warnings"] == []
