"""`murmur run all` on real Kafka, as an operator starts it."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.services.supervisor import Services
from tests.clips import BY_NAME, word_errors
from tests.pipeline.client import Client
from tests.pipeline.command import Murmur
from tests.pipeline.supervised import ALL, alive, children, on_directory, ready, start
from tests.pipeline.test_stats import jobs_of
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
    with start(environment, tmp_path, "all") as parent:
        wait_until(lambda: ready(environment) and sorted(children(parent.pid)) == ALL, "all stages")
        slicer = children(parent.pid)["slicer"]
        subprocess.run(["kill", "-KILL", str(slicer)], check=True)
        wait_until(lambda: children(parent.pid).get("slicer", slicer) != slicer, "another slicer")
        client = Client(f"http://127.0.0.1:{environment['MURMUR_GATEWAY_PORT']}")
        status = client.ended(client.submit(clip.path))
        assert word_errors(clip.text, status["result"]["transcription"]["text"]) <= clip.wer_max
        wait_until(lambda: jobs_of(client, "day") == 1, "the job in the metrics")
        before = children(parent.pid)
        assert sorted(before) == ALL
        (end,) = [line for line in parent.log.read_text().splitlines() if " stage.ended " in line]
        assert end.endswith(" stage=slicer exit_code=-9")
        parent.kill()
    wait_until(lambda: not any(map(alive, before.values())), "all children to end with their parent", 10)
