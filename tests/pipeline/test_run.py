"""`murmur run` as a supervisor: stages stopped, ended and set up wrongly. Their work: tests/services/test_run.py, since the
embedded broker has no transactions.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.kafka.embedded import EmbeddedBroker
from tests.pipeline.client import Client
from tests.processes import ALL_STAGES, Murmur, alive, children, on_directory, only_line
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def environment(broker: EmbeddedBroker, tmp_path: Path) -> dict[str, str]:
    return on_directory(broker.bootstrap, tmp_path)


def gateway(environment: dict[str, str]) -> Client:
    return Client(f"http://127.0.0.1:{environment['MURMUR_GATEWAY_PORT']}")


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


# The parent has one handler for both, and stages see the same.
@pytest.mark.parametrize(
    ("names", "stages", "number"),
    [
        (["all"], ALL_STAGES, signal.SIGTERM),
        (["gateway", "coordinator"], ["coordinator", "gateway"], signal.SIGINT),
    ],
    ids=["SIGTERM", "SIGINT"],
)
def test_a_signal_ends_all_stages_in_order(
    environment: dict[str, str], tmp_path: Path, names: list[str], stages: list[str], number: signal.Signals
) -> None:
    with Murmur(tmp_path, environment).start("run", *names) as parent:
        wait_until(lambda: gateway(environment).ready() and sorted(children(parent.pid)) == stages, "all stages")
        before = children(parent.pid)
        assert parent.end(number) == 0
    assert not any(map(alive, before.values()))
    log = parent.output()
    assert log.splitlines()[-1].endswith("] murmur.stopped")
    assert not [word for word in ("Traceback", "Abort", "terminate called", "Fatal Python", "stage.ended") if word in log]


def test_with_once_the_end_of_one_stage_is_the_end_of_all(environment: dict[str, str], tmp_path: Path) -> None:
    with Murmur(tmp_path, environment).start("run", "--once", "gateway", "intake") as parent:
        wait_until(lambda: gateway(environment).ready() and len(children(parent.pid)) == 2, "both stages")
        before = children(parent.pid)
        os.kill(before["intake"], signal.SIGKILL)
        assert parent.wait() == 128 + signal.SIGKILL
    assert not any(map(alive, before.values()))


def test_one_stage_with_once_runs_in_the_very_process_and_ends_in_order(environment: dict[str, str], tmp_path: Path) -> None:
    with Murmur(tmp_path, environment).start("run", "--once", "gateway") as process:
        wait_until(lambda: gateway(environment).ready(), "the gateway")
        assert children(process.pid) == {}
        assert process.end(signal.SIGTERM) == 0


def test_without_a_setting_every_stage_uses_base_and_logs_that(environment: dict[str, str], tmp_path: Path) -> None:
    del environment["MURMUR_MODEL"]
    with Murmur(tmp_path, environment).start("run", "gateway", "intake") as parent:
        wait_until(lambda: gateway(environment).ready(), "the gateway")
        models = gateway(environment).request("GET", "/api/models").json["models"]
        assert [model["id"] for model in models] == ["base"]
        (line,) = [line for line in parent.output().splitlines() if " model.defaulted " in line]
        assert " model=base hint='to change it, set MURMUR_MODEL for all stages'" in line


@pytest.mark.parametrize(
    ("arguments", "changed", "why"),
    [
        (["all"], {"MURMUR_MODEL": "nosuch"}, "nosuch"),
        (["all"], {"MURMUR_MODELS_DIR": "/no/such/folder"}, "MURMUR_MODELS_DIR"),
        (["--once", "--no-auth", "gateway"], {"MURMUR_GATEWAY_HOST": "192.0.2.1"}, "192.0.2.1"),
        (["--no-auth", "gateway", "intake"], {"MURMUR_GATEWAY_HOST": "192.0.2.1"}, "192.0.2.1"),
        (["gateway", "intake"], {"MURMUR_GATEWAY_HOST": "192.0.2.1"}, "keys new"),
        (["all"], {"MURMUR_HEALTH_PORT": "9100"}, "MURMUR_HEALTH_PORT"),
        (["nosuch"], {}, "nosuch"),
    ],
)
def test_a_wrong_set_up_is_one_line_and_exit_2(
    environment: dict[str, str], tmp_path: Path, arguments: list[str], changed: dict[str, str], why: str
) -> None:
    done = Murmur(tmp_path, {**environment, "MURMUR_LOG_LEVEL": "ERROR", **changed})("run", *arguments)
    assert done.returncode == 2
    assert why in only_line(done.stderr)


def test_it_waits_for_an_unavailable_broker_and_a_signal_still_ends_it(environment: dict[str, str], tmp_path: Path) -> None:
    environment["MURMUR_KAFKA_BOOTSTRAP"] = "127.0.0.1:1"
    with Murmur(tmp_path, environment).start("run", "coordinator", "intake", "transcriber") as parent:
        wait_until(lambda: "brokers are down" in parent.output(), "the first complaint")
        assert parent.end(signal.SIGTERM) == 0
    assert "Traceback" not in parent.output()
