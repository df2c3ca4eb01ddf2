"""What a process costs that has nothing to do: CPU, threads, Kafka clients, memory. `murmur dev`, then each stage of `run`.

`python -m benchmarks.idle [SECONDS]`. Counted from outside, over SECONDS (20) of a process that became ready 90 s ago; a
decoder process that waits for a file has a line of its own. The stages run against the services of `make services`; where those
are not built they are left out. Linux only: it reads /proc.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import conditions
from scripts.services import envfile, supervisor

MURMUR = str(Path(sys.executable).with_name("murmur"))
READY = "murmur is ready"
SETTLE_S = 90.0  # a minute after its start, and then every quarter of an hour, retention searches the store
CLIENT_THREAD = "rdk:main"  # librdkafka has one in each client
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One process at one time."""

    cpu_s: float
    threads: int
    clients: int
    memory_mb: float

    @classmethod
    def now(cls, pid: int) -> "Process":
        folder = Path(f"/proc/{pid}")
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        names = [(task / "comm").read_text().strip() for task in (folder / "task").iterdir()]
        resident = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("VmRSS:"))
        return cls(
            cpu_s=(int(fields[11]) + int(fields[12])) / TICKS_PER_S,
            threads=len(names),
            clients=names.count(CLIENT_THREAD),
            memory_mb=int(resident.split()[1]) / 1024,
        )


def report(pids: Mapping[str, int], window_s: float) -> None:
    """Prints a line for each; raises OSError for one that has ended meanwhile."""
    time.sleep(SETTLE_S)
    pids = {each: found for name, pid in pids.items() for each, found in [(name, pid), *decoders(name, pid)]}
    before, began_s = {name: Process.now(pid) for name, pid in pids.items()}, time.monotonic()
    time.sleep(window_s)
    after, took_s = {name: Process.now(pid) for name, pid in pids.items()}, time.monotonic() - began_s
    for name, process in after.items():
        cpu = 100 * (process.cpu_s - before[name].cpu_s) / took_s
        print(
            f"{name:22} {cpu:5.1f} % of a core  {process.threads:3} threads  {process.clients:2} Kafka clients"
            f"  {process.memory_mb:4.0f} MB",
            flush=True,
        )


@contextmanager
def murmur(*arguments: str, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Its standard output is piped; ended as by Ctrl-C."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"MURMUR_DATA_DIR": folder, "MURMUR_MODEL": "demo", "MURMUR_GATEWAY_PORT": "0", "MURMUR_LOG_LEVEL": "ERROR"}
        process = subprocess.Popen(
            [MURMUR, *arguments],
            cwd=folder,  # no .env of the checkout
            env={"PATH": "/usr/bin:/bin", **environment, **settings},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def embedded(window_s: float) -> None:
    with murmur("dev", environment={}) as process:
        assert process.stdout is not None
        if not any(line.startswith(READY) for line in process.stdout):
            raise SystemExit("murmur dev has ended before it was ready")
        report({"murmur dev": process.pid}, window_s)


def stages(window_s: float) -> None:
    if missing := supervisor.not_built():
        print(f"stages of murmur run: left out, {missing}")
        return
    with supervisor.borrowed():
        environment = envfile.read(supervisor.FOLDER / "minio.env")
        with murmur("run", "all", environment=environment) as parent:
            while len(found := children(parent.pid)) < len(supervised(environment)):
                time.sleep(1.0)
            report({f"run {name}": pid for name, pid in found.items()} | {"run, the parent": parent.pid}, window_s)


def supervised(environment: Mapping[str, str]) -> list[str]:
    from murmur import stages

    return stages.of(envfile.settings(environment).store)


def children(pid: int) -> dict[str, int]:
    """By the stage that each runs: the last word of its command line."""
    return {command[-1]: child for child, command in commands(pid) if "murmur.cli.child" in command}


def decoders(name: str, pid: int) -> list[tuple[str, int]]:
    return [(f"{name}, decoder", child) for child, command in commands(pid) if "processors.slicer.sandbox.child" in command]


def commands(pid: int) -> Iterator[tuple[int, list[str]]]:
    """Of the children of all its threads."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child), Path(f"/proc/{child}/cmdline").read_text().rstrip("\0").split("\0")


def main(window_s: float) -> None:
    print(conditions(), flush=True)
    embedded(window_s)
    stages(window_s)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
