"""`murmur run all` on real Kafka, as an operator starts it."""

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.services.supervisor import Services
from tests.clips import BY_NAME, word_errors
from tests.pipeline.client import Client
from tests.pipeline.test_stats import jobs_of
from tests.processes import ALL_STAGES, Murmur, alive, children, on_directory
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def environment(services: Services, tmp_path: Path) -> Iterator[dict[str, str]]:
    """With topics of its own."""
    prefix = f"run-{uuid.uuid4().hex[:8]}."
    environment = {**on_directory(services.kafka.bootstrap, tmp_path), "MURMUR_TOPIC_PREFIX": prefix}
    assert Murmur(tmp_path, environment)("topics", "apply").returncode == 0
    yield environment
    services.kafka.drop(prefix)


def test_all_stages_work_a_killed_one_comes_back_and_none_outlives_its_parent(
    environment: dict[str, str], tmp_path: Path
) -> None:
    clip = BY_NAME["en-command.wav"]
    with Murmur(tmp_path, environment).start("run", "all") as parent:
        gateway = Client(f"http://127.0.0.1:{environment['MURMUR_GATEWAY_PORT']}")
        wait_until(lambda: gateway.ready() and sorted(children(parent.pid)) == ALL_STAGES, "all stages")
        slicer = children(parent.pid)["slicer"]
        os.kill(slicer, signal.SIGKILL)
        wait_until(lambda: children(parent.pid).get("slicer", slicer) != slicer, "another slicer")
        status = gateway.ended(gateway.submit(clip.path))
        assert word_errors(clip.text, status["result"]["transcription"]["text"]) <= clip.wer_max
        wait_until(lambda: jobs_of(gateway, "day") == 1, "the job in the metrics")
        (model,) = wait_until(lambda: with_windows(gateway), "the transcriber's report")
        assert (model["state"], model["workers"], model["loads"]) == ("loaded", 1, 1)
        assert model["memory_bytes"] > 0
        before = children(parent.pid)
        assert sorted(before) == ALL_STAGES
        (end,) = [line for line in parent.output().splitlines() if " stage.ended " in line]
        assert end.endswith(" stage=slicer exit_code=-9")
        parent.kill()
    wait_until(lambda: not any(map(alive, before.values())), "all children to end with their parent")


def with_windows(gateway: Client) -> list[dict[str, Any]]:
    """The models that have transcribed something, as the gateway shows them."""
    return [model for model in gateway.request("GET", "/api/models").json["models"] if model["windows"]]
