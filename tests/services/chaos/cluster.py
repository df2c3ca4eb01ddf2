"""A cluster of `murmur run STAGE` processes, several of each stage, on a broker and a store that may be broken.

What is killed or frozen is the stage's own process; `murmur run`, its parent, starts it again, unless it is killed as well.
"""

import os
import re
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from runtime.kafka import client, topics
from runtime.objects import buckets
from scripts.services import envfile, ports
from scripts.services.process import ServiceProcess
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-c", "from murmur.cli import main; main()", "run"]
READY_S = 90.0  # two cores, and a dozen interpreters that start at once
STOP_S = 30.0
ENDED = re.compile(r".* stage\.ended +stage=\w+ exit_code=(-?\d+)")
KILLED = ("-9", "137")
SHAPE = {"gateway": 2, "coordinator": 2, "slicer": 2, "transcriber": 3}


class Member:
    """One stage, its process and its parent. `port`: of its health endpoints."""

    def __init__(self, name: str, stage: str, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.stage = stage
        self.port = ports.free(1)[0]
        where = "MURMUR_GATEWAY_PORT" if stage == "gateway" else "MURMUR_HEALTH_PORT"
        self._environment = {
            **environment,
            where: str(self.port),
            "MURMUR_DATA_DIR": str(folder / name / "data"),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "PYTHONFAULTHANDLER": "1",  # kill -ABRT shows where one hangs
        }
        self._parent = ServiceProcess(name, folder / name, leashed=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._parent.start([*COMMAND, self.stage], self._environment)

    @property
    def alive(self) -> bool:
        return self._parent.pid is not None

    @property
    def pid(self) -> int | None:
        """The stage's process; None while there is none."""
        parent = self._parent.pid
        with suppress(FileNotFoundError, ProcessLookupError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split() if parent else []
            return int(children[0]) if children else None
        return None

    def signal(self, number: signal.Signals) -> bool:
        """To the stage's process; whether there was one."""
        pid = self.pid
        with suppress(ProcessLookupError):
            if pid is not None:
                os.kill(pid, number)
                return True
        return False

    def kill_for_good(self) -> None:
        """Both at once, so that neither shuts down cleanly."""
        self._parent.signal(signal.SIGSTOP)
        self.signal(signal.SIGKILL)
        self._parent.kill()

    def stop(self) -> None:
        """SIGTERM, as a cluster does it; waits for the end."""
        self._parent.signal(signal.SIGTERM)
        assert self._parent.gone_within(STOP_S), f"{self.name} does not stop:\n{self.log()}"

    def forget(self) -> None:
        self.signal(signal.SIGCONT)
        self._parent.end()

    def ready(self) -> bool:
        return self.answer("/readyz") == 200

    def answer(self, path: str) -> int | None:
        """The status; None without a response."""
        try:
            with urllib.request.urlopen(f"{self.address}{path}", timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def log(self) -> str:
        return self._parent.log.read_text(errors="replace") if self._parent.log.exists() else ""


class Cluster:
    """`environment`: a complete `MURMUR_…` one, as of an env file; `own`: what is another for a member, by its name.
    Topics and buckets are made at the start."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        shape: Mapping[str, int] = SHAPE,
        own: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        self.environment = {**environment, "MURMUR_MODEL_REPLICAS": "1", "OMP_NUM_THREADS": "1"}
        self.settings = envfile.settings({k: v for k, v in self.environment.items() if k.startswith("MURMUR_")})
        self.kafka = client.Kafka.from_settings(self.settings)
        self.members: dict[str, Member] = {}
        for stage, count in shape.items():
            for number in range(1, count + 1):
                name = f"{stage}-{number}"
                named = {"MURMUR_INSTANCE": name} if stage == "coordinator" else {}
                self.members[name] = Member(name, stage, {**self.environment, **named, **own.get(name, {})}, folder)

    def __enter__(self) -> Self:
        topics.apply(self.kafka, self.settings)
        buckets.apply(self.settings)
        try:
            for member in self.members.values():
                member.start()
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for member in self.members.values():
            member.forget()

    def of(self, stage: str) -> list[Member]:
        return [member for member in self.members.values() if member.stage == stage]

    @property
    def gateways(self) -> list[Member]:
        return self.of("gateway")

    def wait_ready(self, members: Iterable[Member] | None = None) -> None:
        for member in self.members.values() if members is None else members:
            wait_until(member.ready, f"{member.name} to be ready")

    def crashes(self) -> list[str]:
        """The parents' log lines about children that ended by themselves, not by a kill."""
        ends = ((name, ENDED.match(line)) for name, member in self.members.items() for line in member.log().splitlines())
        return [f"{name} ended with {end[1]}" for name, end in ends if end is not None and end[1] not in KILLED]


def on_directory(bootstrap: str, folder: Path, prefix: str = "chaos.") -> dict[str, str]:
    """An environment with a folder as store: for faults that are not the store's."""
    return {
        "MURMUR_KAFKA_BOOTSTRAP": bootstrap,
        "MURMUR_TOPIC_PREFIX": prefix,
        "MURMUR_TOPIC_PARTITIONS": "4",
        "MURMUR_STORE": "directory",
        "MURMUR_STORE_DIR": str(folder / "store"),
        "MURMUR_MODEL": "demo",
        "MURMUR_SETTLE_S": "0.2",
    }
