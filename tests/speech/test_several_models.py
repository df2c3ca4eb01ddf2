"""Two original models in one system: each job gets the text of its own model, whichever is loaded when it comes."""

from pathlib import Path

import pytest

from murmur.dev import Dev
from runtime.settings import Settings
from scripts import models
from tests.clips import BY_NAME, word_errors
from tests.pipeline.client import Client
from tests.speech.conftest import Weights

READY_S = 120.0
CLIPS = [BY_NAME[name] for name in ("en-command.wav", "en-numbers.flac", "en-parallel.flac")]


@pytest.mark.parametrize("places", [1, 2])
def test_jobs_of_two_models_are_transcribed_side_by_side(places: int, weights: Weights, tmp_path: Path) -> None:
    weights("tiny.en"), weights("base")
    settings = Settings(
        _env_file=None,
        models="tiny.en,base",
        models_dir=models.directory(),
        model_cache_size=places,
        device="cpu",
        data_dir=tmp_path,
        gateway_port=0,
    )
    with Dev(settings, ("gateway", "coordinator", "slicer", "transcriber")) as system:
        system.wait_ready(READY_S)
        assert system.address is not None
        client = Client(system.address)
        tasks = [
            (clip, model, client.submit(clip.path, language="en", model=model)) for clip in CLIPS for model in ("base", "tiny.en")
        ]
        ended = [(clip, model, client.ended(task)) for clip, model, task in tasks]
    assert [status["state"] for _, _, status in ended] == ["SUCCESS"] * len(tasks)
    for clip, model, status in ended:
        assert status["model"]["name"] == model
        text = status["result"]["transcription"]["text"]
        assert word_errors(clip.text, text) <= max(clip.wer_max, 0.1), (clip.file, model, text)
