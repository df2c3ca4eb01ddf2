"""Two original models in one system: each job gets the text of its own model, whichever is loaded when it comes."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.speech import files
from benchmarks.speech.reading import Way
from murmur.dev import Dev
from runtime.settings import Settings
from scripts import models
from tests.pipeline.client import Client
from tests.speech.conftest import Readings, Weights
from tests.waiting import DEADLINE_S, wait_until

MODELS = ("tiny.en", "base")
FILES = ("telephone",)


@pytest.mark.parametrize("places", [1, 2])
def test_jobs_of_two_models_have_the_texts_of_each_model_alone(
    places: int, readings: Readings, weights: Weights, tmp_path: Path
) -> None:
    for model in MODELS:
        weights(model)
    settings = Settings(
        _env_file=None,
        models=",".join(MODELS),
        models_dir=models.directory(),
        model_cache_size=places,
        device="cpu",
        data_dir=tmp_path,
        gateway_port=0,
    )
    with Dev(settings, ("gateway", "coordinator", "slicer", "transcriber")) as system:
        system.wait_ready(DEADLINE_S)
        assert system.address is not None
        client = Client(system.address)
        asked = [(name, model) for name in FILES for model in MODELS[::-1]]
        tasks = [
            client.post(f"{name}.wav", files.get(name).data, language="en", model=model).json["task_id"] for name, model in asked
        ]
        ended = [client.ended(task) for task in tasks]
        listed = wait_until(lambda: all_used(client), "the last model's windows in a report")
    assert [status["model"]["name"] for status in ended] == [model for _, model in asked]
    for (name, model), status in zip(asked, ended, strict=True):
        alone = readings.transcript(model, files.get(name), Way("en")).text
        assert status["result"]["transcription"]["text"].split() == alone.split(), (name, model)
    assert [listed[model]["state"] for model in MODELS].count("loaded") == places
    assert all(listed[model]["windows"] > 0 and listed[model]["load_s"] > 0 for model in MODELS)


def all_used(client: Client) -> dict[str, dict[str, Any]]:
    """The models as the gateway shows them, when each has transcribed something."""
    listed = client.request("GET", "/api/models").json["models"]
    return {model["id"]: model for model in listed} if all(model["windows"] for model in listed) else {}
