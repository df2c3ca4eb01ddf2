"""All services in their order: Kafka, topics, stores, buckets and notifications, a probe object's event, env files.

`up` and `down` serve `make services` and its opposite. The `own_…` functions serve fault tests: a throw-away service in a
folder of their own, which may be killed, frozen (`process.signal`) and started again on the same data and ports.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.kafka import client, topics
from scripts.services import build, cache, envfile
from scripts.services.cache import ServiceError, say
from scripts.services.kafka import CLASSES, Kafka
from scripts.services.minio import MINIO
from scripts.services.process import ServiceProcess
from scripts.services.store import Flavour, Store
from scripts.services.versitygw import VERSITYGW

FOLDER = Path(__file__).parents[2] / ".services"
FLAVOURS = (MINIO, VERSITYGW)
ARTIFACTS = (build.KAFKA, CLASSES, build.VERSITYGW, build.MINIO)
BORROWED = "borrowed"  # the name of a marker file
MAY_BE_KILLED = "broker.session.timeout.ms=4000\n"  # a restart waits for the end of the session of the node that was killed
AGAIN = "-again"  # of the folder of a second try


@dataclass(frozen=True, slots=True)
class Services:
    """`composed`: Kafka and MinIO are containers (`compose.py`), so neither has a process here, nor Kafka a password."""

    kafka: Kafka
    minio: Store
    versitygw: Store
    composed: bool = False


def up(folder: Path = FOLDER) -> Services:
    """Everything built, running and proven, until `down`; one env file per store. Takes seconds when it is running already.

    Raises ServiceError.
    """
    services = _up(folder)
    (folder / BORROWED).unlink(missing_ok=True)
    return services


@contextmanager
def borrowed(folder: Path = FOLDER) -> Iterator[Services]:
    """`up` for a test run: what no `up` had started is ended by the last that borrows it."""

    def end() -> None:
        if (folder / BORROWED).exists():
            down(folder)

    with borrowing(folder, end):
        if not living(folder):
            (folder / BORROWED).touch()
        yield _up(folder)


@contextmanager
def borrowing(folder: Path, end: Callable[[], None]) -> Iterator[None]:
    """The last of all processes that leave this context calls `end`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "borrowers").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with suppress(BlockingIOError):  # still in use by another process
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                end()


def down(folder: Path = FOLDER) -> None:
    """Ends all, also those of a run that was killed, and deletes what they kept. The ports stay for the next time."""
    if not folder.exists():
        return
    with _lock(folder):
        for file in folder.glob("*.env"):
            file.unlink()
        for name in ("versitygw", "minio", "kafka"):
            process = ServiceProcess(name, folder / name)
            if process.pid is not None:
                say(f"ending {name} (process {process.pid})")
            process.forget()


def living(folder: Path = FOLDER) -> bool:
    """All of them are running and have been proven."""
    return all(ServiceProcess(name, folder / name).proven for name in ("kafka", "minio", "versitygw"))


def status(folder: Path = FOLDER) -> list[str]:
    """A line for each service."""
    lines = []
    for name in ("kafka", "minio", "versitygw"):
        process = ServiceProcess(name, folder / name)
        state = "not running" if process.pid is None else f"process {process.pid}, {'proven' if process.proven else 'not proven'}"
        lines.append(f"{name}: {state}; log: {process.log}")
    return lines


def build_all() -> None:
    """Everything that is fetched or built ahead. Raises MissingToolchain before it builds what could not be used."""
    cache.tool("java", "Apache Kafka")
    for artifact in (*ARTIFACTS, build.PROMTOOL):
        cache.ensure(artifact)


def not_built() -> str | None:
    """What has to be built before services can start, as a reason; None: they can start at once."""
    missing = [artifact.path.name for artifact in ARTIFACTS if not artifact.path.exists()]
    return f"not built yet: {', '.join(missing)}; `make services` builds them once (5-8 minutes)" if missing else None


def own_kafka(folder: Path, properties: str = "") -> Kafka:
    """A started broker that ends with this process; `properties`: see `Kafka`. End it with `process.forget()`."""
    kafka = Kafka(folder, leashed=True, properties=MAY_BE_KILLED + properties)
    try:
        kafka.start()
    except ServiceError as error:
        if "Address already in use" not in str(error) or folder.name.endswith(AGAIN):
            raise
        kafka.process.forget()  # another program took a port between its choice and the start, some seconds later
        return own_kafka(folder.with_name(folder.name + AGAIN), properties)
    return kafka


def own_store(flavour: Flavour, folder: Path, kafka: Kafka, *, queued: bool = False) -> Store:
    """A store that ends with this process, with topics of its own, started and proven. `queued`: see `minio.py`."""
    store = Store(flavour, folder, kafka, own=True, queued=queued)
    make_topics(store)
    store.start()
    store.prove()
    return store


def _up(folder: Path) -> Services:
    build_all()
    with _lock(folder):
        began = time.monotonic()
        services = _services(folder)
        fresh = _kafka_up(services.kafka)
        for store in (services.minio, services.versitygw):
            _store_up(store, prove=fresh)
            file = folder / f"{store.flavour.name}.env"
            title = f"murmur on {store.flavour.name} and its Kafka: `set -a; . {folder.name}/{file.name}; murmur run all`"
            envfile.write(file, store.environment(), title)
        say(f"all proven after {time.monotonic() - began:.1f} s; environments: {folder}/*.env")
    return services


def _services(folder: Path) -> Services:
    kafka = Kafka(folder / "kafka")
    minio, versitygw = (Store(flavour, folder / flavour.name, kafka) for flavour in FLAVOURS)
    return Services(kafka, minio, versitygw)


def _kafka_up(kafka: Kafka) -> bool:
    """True when it was started here."""
    if kafka.process.proven and _answers(kafka):
        return False
    say("starting Kafka")
    kafka.start()
    kafka.prove()
    return True


def _store_up(store: Store, prove: bool) -> None:
    make_topics(store)
    if not (store.process.proven and _answers(store)):
        say(f"starting {store.flavour.name}")
        store.start()
        prove = True
    if prove:
        store.prove()


def _answers(service: Kafka | Store) -> bool:
    try:
        return service.answers()
    except (OSError, ServiceError):
        return False


def make_topics(store: Store) -> None:
    settings = store.settings()
    topics.apply(client.Kafka.from_settings(settings), settings)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
