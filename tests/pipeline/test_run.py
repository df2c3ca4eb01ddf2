"""`murmur run` as a supervisor: every stage against a broker and a folder, killed, stopped, and set up wrongly."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from murmur.cli import stages
from murmur.kafka.embedded import EmbeddedBroker
from tests.clips import BY_NAME, word_errors
from tests.pipeline.client import Client
from tests.pipeline.command import Murmur, only_line
from tests.pipeline.processes import Process
from tests.waiting import wait_until

ALL = sorted(stages.of("directory"))
COMMAND = ["-c", "from murmur.cli import main; main()", "run"]


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def environment(broker: EmbeddedBroker, tmp_path: Path) -> dict[str, str]:
    """A store with its buckets, and a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        "MURMUR_KAFKA_BOOTSTRAP": broker.bootstrap,
        "MURMUR_STORE": "directory",
        "MURMUR_STORE_DIR": str(tmp_path / "store"),
        "MURMUR_DATA_DIR": str(tmp_path / "data"),
        "MURMUR_GATEWAY_PORT": str(port),
        "MURMUR_MODEL": "demo",
        "MURMUR_SETTLE_S": "0.1",
    }
    assert Murmur(tmp_path, environment)("buckets", "apply").returncode == 0
    return environment


def start(environment: dict[str, str], folder: Path, *arguments: str) -> Process:
    return Process([*COMMAND, *arguments], environment, folder / "run.log")


def children(parent: int) -> dict[str, int]:
    """Stages and their process ids. A zombie has no command line, and so is none."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ppid = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            words = (process / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if ppid == parent and "murmur.cli.child" in words:
            found[words[words.index("murmur.cli.child") + 1]] = int(process.name)
    return found


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() != b""


def ready(environment: dict[str, str]) -> bool:
    try:
        return Client(f"http://127.0.0.1:{environment['MURMUR_GATEWAY_PORT']}").request("GET", "/readyz").status == 200
    except OSError:
        return False


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


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
        before = children(parent.pid)
        assert sorted(before) == ALL
        parent.kill()
    wait_until(lambda: not any(map(alive, before.values())), "all children to end with their parent", 10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_stages_within_seconds_and_in_order(environment: dict[str, str], tmp_path: Path, number: int) -> None:
    with start(environment, tmp_path, "all") as parent:
        wait_until(lambda: ready(environment) and sorted(children(parent.pid)) == ALL, "all stages")
        before = children(parent.pid)
        assert parent.end(number, 12) == 0
    assert not any(map(alive, before.values()))
    log = parent.log.read_text()
    assert not [word for word in ("Traceback", "Abort", "terminate called", "Fatal Python", "ended with") if word in log]


def test_with_once_the_end_of_one_stage_is_the_end_of_all(environment: dict[str, str], tmp_path: Path) -> None:
    with start(environment, tmp_path, "--once", "gateway", "intake") as parent:
        wait_until(lambda: ready(environment) and len(children(parent.pid)) == 2, "both stages")
        before = children(parent.pid)
        subprocess.run(["kill", "-KILL", str(before["intake"])], check=True)
        assert parent.wait(15) == 128 + signal.SIGKILL
    assert not any(map(alive, before.values()))


def test_one_stage_with_once_runs_in_the_very_process_and_ends_in_order(environment: dict[str, str], tmp_path: Path) -> None:
    with start(environment, tmp_path, "--once", "gateway") as process:
        wait_until(lambda: ready(environment), "the gateway")
        assert children(process.pid) == {}
        assert process.end(signal.SIGTERM, 12) == 0


@pytest.mark.parametrize(
    ("arguments", "changed", "why"),
    [
        (["all"], {"MURMUR_MODEL": "nosuch"}, "nosuch"),
        (["all"], {"MURMUR_MODEL": ""}, "MURMUR_MODEL"),
        (["gateway", "intake"], {"MURMUR_GATEWAY_HOST": "192.0.2.1"}, "192.0.2.1"),
        (["--once", "gateway"], {"MURMUR_GATEWAY_HOST": "192.0.2.1"}, "192.0.2.1"),
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


def test_a_broker_that_is_away_is_waited_for_and_a_signal_still_ends_it(environment: dict[str, str], tmp_path: Path) -> None:
    environment["MURMUR_KAFKA_BOOTSTRAP"] = "127.0.0.1:1"
    with start(environment, tmp_path, "coordinator", "intake", "transcriber") as parent:
        wait_until(lambda: "brokers are down" in parent.log.read_text(), "the first complaint")
        assert parent.end(signal.SIGTERM, 20) == 0
    assert "Traceback" not in parent.log.read_text()
