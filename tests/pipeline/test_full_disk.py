"""`murmur dev` started on a disk that is full: one line, errors that say so, and work as soon as there is space."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.processes import MAIN, Process
from tests.waiting import wait_until

OWN_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount"]
FILL = """
mount -t tmpfs -o size=1m murmur "$0" || exit 9
cd "$0"
case $1 in "empty view") mkdir gateway; : > gateway/view.sqlite3;; esac
shift
dd if=/dev/zero of=fill bs=4k 2> /dev/null
exec "$@"
"""
BECOME = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"


def can_mount() -> bool:
    try:
        return subprocess.run([*OWN_MOUNTS, "mount", "-t", "tmpfs", "murmur", "/mnt"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


needs_mounts = pytest.mark.skipif(not can_mount(), reason="a small disk of its own needs Linux and user namespaces")


def answers(request: Callable[[], object]) -> bool:
    try:
        request()
    except OSError:
        return False
    return True


@needs_mounts
@pytest.mark.parametrize("before", ["nothing", "empty view"])
def test_a_full_disk_is_one_line_and_ends_nothing(tmp_path: Path, before: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    given = {"MURMUR_MODEL": "demo", "MURMUR_DATA_DIR": str(data), "MURMUR_GATEWAY_PORT": port}
    command = [*OWN_MOUNTS, "sh", "-c", FILL, str(data), before, sys.executable, *MAIN, "dev"]
    with Process(["-c", BECOME, *command], given, tmp_path / "run.log") as process:
        wait_until(lambda: process.printed("outage.started"), "the line")
        client = Client(f"http://127.0.0.1:{port}")
        wait_until(lambda: answers(lambda: client.request("GET", "/livez")), "the gateway")
        refused = client.post("talk.wav", BY_NAME["en-command.wav"].path.read_bytes())
        assert (refused.status, refused.json["reason"]) == (503, "unavailable")
        assert "the disk is full" in refused.json["detail"]
        Path(f"/proc/{process.pid}/root{data}/fill").unlink()
        wait_until(lambda: process.printed("murmur is ready"), "space to be found")
        assert client.ended(client.submit(BY_NAME["en-command.wav"].path))["state"] == "SUCCESS"
        assert process.output().count("outage.started") == 1
        assert "Traceback" not in process.output()
