"""Kafka and the store as containers of docker-compose.yml, for tests on a machine with a Docker engine: `SERVICES=compose`.

Only the two that all tests share. versitygw is not in that file, and what a test kills or freezes is a process of its own:
both are started as ever, beside the containers.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.topics import UPLOADS
from scripts.services import cache, supervisor
from scripts.services.cache import ServiceError
from scripts.services.kafka import Kafka
from scripts.services.minio import MINIO, TARGET
from scripts.services.process import LIMIT_S, until_true
from scripts.services.store import SECRET_KEY, Store
from scripts.services.supervisor import FOLDER, Services
from scripts.services.versitygw import VERSITYGW

FILE = Path(__file__).parents[2] / "docker-compose.yml"
PROJECT = "murmur-tests"
KAFKA, STORE = "kafka", "store"  # their names in FILE
KAFKA_PORT, STORE_PORT = 29092, 9000  # where FILE publishes them on loopback
READY_S = 300  # images are fetched the first time
# What differs from FILE: the tests' own key and topic, which they make themselves.
OVERRIDE = f"""\
services:
  {STORE}:
    environment:
      MINIO_ROOT_PASSWORD: {SECRET_KEY}
      MINIO_NOTIFY_KAFKA_TOPIC_{TARGET}: murmur.minio.{UPLOADS.name}
"""


class ComposedKafka(Kafka):
    """It has no listener that wants a password."""

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{KAFKA_PORT}"

    def prove(self) -> None:
        self.prove_records()


class ComposedStore(Store):
    @property
    def port(self) -> int:
        return STORE_PORT


class Compose:
    """`docker compose` on FILE, in a project of its own: an installation that runs beside it keeps its volumes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def command(self, *arguments: str) -> list[str | Path]:
        files = ("-f", FILE, "-f", self._folder / "override.yml")
        return [cache.tool("docker", "SERVICES=compose"), "compose", "-p", PROJECT, *files, *arguments]

    def up(self, service: str) -> None:
        """Blocks until it is healthy, or, without a health check, runs. Raises ServiceError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "override.yml").write_text(OVERRIDE)
        self._run("up", "--detach", "--no-deps", "--wait", "--wait-timeout", str(READY_S), service)

    def down(self) -> None:
        self._run("down", "--volumes")

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServiceError(f"docker compose {arguments[0]} failed:\n{done.stderr}")


@contextmanager
def borrowed(folder: Path = FOLDER / "compose") -> Iterator[Services]:
    """As `supervisor.borrowed`: the last that borrows them ends them, with their volumes. Raises ServiceError."""
    compose = Compose(folder)
    with supervisor.borrowing(folder, compose.down):
        compose.up(KAFKA)
        kafka = ComposedKafka(folder / KAFKA)
        _wait_until(kafka.answers, KAFKA)
        kafka.prove()
        store = ComposedStore(MINIO, folder / MINIO.name, kafka)
        supervisor.make_topics(store)
        compose.up(STORE)
        _wait_until(store.answers, STORE)
        store.prove()
        versitygw = supervisor.own_store(VERSITYGW, folder / VERSITYGW.name, kafka)
        try:
            yield Services(kafka, store, versitygw, composed=True)
        finally:
            versitygw.process.forget()


def _wait_until(check: Callable[[], bool], service: str) -> None:
    """For what a container publishes once it runs."""
    if (last := until_true(check)) is not None:
        raise ServiceError(f"the container {service} does not answer within {LIMIT_S:.0f} s: {last}")
