"""A `murmur run` with its children: for tests that kill and stop them on any broker, with a folder as store."""

import socket
from pathlib import Path

from murmur import stages
from tests.pipeline.client import Client
from tests.pipeline.command import Murmur
from tests.pipeline.processes import Process

ALL = sorted(stages.of("directory"))
COMMAND = ["-c", "from murmur.cli import main; main()", "run"]


def on_directory(bootstrap: str, folder: Path) -> dict[str, str]:
    """An environment with buckets that are there, and a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        "MURMUR_KAFKA_BOOTSTRAP": bootstrap,
        "MURMUR_STORE": "directory",
        "MURMUR_STORE_DIR": str(folder / "store"),
        "MURMUR_DATA_DIR": str(folder / "data"),
        "MURMUR_GATEWAY_PORT": str(port),
        "MURMUR_MODEL": "demo",
        "MURMUR_SETTLE_S": "0.1",
    }
    assert Murmur(folder, environment)("buckets", "apply").returncode == 0
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
