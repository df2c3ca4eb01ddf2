"""What the gateway shows of the transcriber, which is in the same process here and reports itself as anywhere else."""

from typing import Any

from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.waiting import wait_until


def test_a_model_is_shown_with_its_loads_its_memory_and_the_windows_it_has_transcribed(client: Client) -> None:
    client.ended(client.submit(BY_NAME["en-command.wav"].path, prompt="for the models"))
    wait_until(lambda: demo(client)["windows"], "a report after the chunk")
    shown = demo(client)
    assert (shown["state"], shown["workers"], shown["loads"]) == ("loaded", 1, 1)
    assert shown["load_s"] > 0
    assert shown["memory_bytes"] > 0


def test_the_device_is_that_of_the_loaded_model(client: Client) -> None:
    wait_until(lambda: client.request("GET", "/api/gpu-status").json["device"] in ("cpu", "cuda"), "the first report")


def demo(client: Client) -> dict[str, Any]:
    (model,) = client.request("GET", "/api/models").json["models"]
    assert isinstance(model, dict)
    return model
