"""What a scenario of the long run stands on, and the row that it gives. Each has services and processes of its own: what one
breaks is no other's excuse.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from scripts.services import ports, supervisor
from scripts.services.kafka import Kafka
from scripts.services.minio import MINIO
from scripts.services.store import Store
from tests.ended import SECRET
from tests.services.chaos.cluster import SHAPE, Cluster, on_directory
from tests.services.chaos.trial import Verdict
from tests.services.chaos.wire import Wire

DROPS = {"gateway": 1, "intake": 2, "reconciler": 1, "coordinator": 2, "slicer": 1, "transcriber": 2, "store": 2}
TELLS = {"gateway": 1, "coordinator": 1, "slicer": 1, "transcriber": 1, "webhooks": 2}
RECONCILED_S = 10.0
# How long an open transaction holds up its readers is measured as in production, which the nodes of other tests shorten.
AS_IT_COMES = "transaction.abort.timed.out.transaction.cleanup.interval.ms=10000\n"
# The listener that needs no password is for those with a whole network; the other one leads through a wire.
WIRED = """\
listeners=PLAINTEXT://127.0.0.1:{{plain}},WIRED://127.0.0.1:{{sasl}},CONTROLLER://127.0.0.1:{{controller}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{plain}},WIRED://127.0.0.1:{wire}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,WIRED:PLAINTEXT,CONTROLLER:PLAINTEXT
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a scenario breaks. `first`: the number of its first file, so that no scenario meets another's work."""

    folder: Path
    cluster: Cluster
    broker: Kafka
    store: Store | None = None
    wire: Wire | None = None
    seed: int = 0
    first: int = 0

    def numbers(self, count: int, start: int = 0) -> range:
        return range(self.first + start, self.first + start + count)


@dataclass(frozen=True, slots=True)
class Row:
    fault: str
    verdict: Verdict
    remark: str = ""
    broken: tuple[str, ...] = ()

    @property
    def violations(self) -> list[str]:
        return [*self.verdict.violations, *self.broken]

    def line(self) -> str:
        f = self.verdict.figures
        counts = (f"{f.ended}/{f.begun}", len(self.violations), f.repeated, f"{f.slowest_s:.1f} s")
        return "| " + " | ".join(map(str, (self.fault, *counts, self.remark))) + " |"


def on_folder(stack: ExitStack, folder: Path) -> Bench:
    """A folder as store: for faults that are not the store's."""
    kafka = _broker(stack, folder)
    return Bench(folder, stack.enter_context(Cluster(folder, on_directory(kafka.bootstrap, folder))), kafka)


def on_minio(stack: ExitStack, folder: Path) -> Bench:
    kafka = _broker(stack, folder)
    store = _minio(stack, folder, kafka)
    return Bench(folder, stack.enter_context(Cluster(folder, store.environment())), kafka, store)


def sending_webhooks(stack: ExitStack, folder: Path) -> Bench:
    """To receivers on this machine."""
    kafka = _broker(stack, folder)
    own = {"MURMUR_WEBHOOK_SECRET": SECRET, "MURMUR_WEBHOOK_ALLOW_PRIVATE": "true"}
    environment = {**on_directory(kafka.bootstrap, folder), **own}
    return Bench(folder, stack.enter_context(Cluster(folder, environment, TELLS)), kafka)


def dropping(stack: ExitStack, folder: Path) -> Bench:
    """For files that are dropped into the bucket."""
    kafka = _broker(stack, folder)
    store = _minio(stack, folder, kafka)
    environment = {**store.environment(), "MURMUR_RECONCILE_INTERVAL_S": str(RECONCILED_S)}
    return Bench(folder, stack.enter_context(Cluster(folder, environment, DROPS)), kafka, store)


def broker_by_wire(stack: ExitStack, folder: Path) -> Bench:
    """The first member of every stage reaches the broker by a wire, the others as ever."""
    port = ports.free(1)[0]
    kafka = _broker(stack, folder, WIRED.format(wire=port))
    wire = stack.enter_context(Wire(port, int(kafka.sasl_bootstrap.rpartition(":")[2])))
    own = {f"{stage}-1": {"MURMUR_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}"} for stage in SHAPE}
    cluster = Cluster(folder, on_directory(kafka.bootstrap, folder), own=own)
    return Bench(folder, stack.enter_context(cluster), kafka, wire=wire)


def store_by_wire(stack: ExitStack, folder: Path) -> Bench:
    """Every stage reaches the store through a wire; clients that drop files reach it directly."""
    kafka = _broker(stack, folder)
    store = _minio(stack, folder, kafka)
    port = ports.free(1)[0]
    wire = stack.enter_context(Wire(port, store.port))
    environment = {**store.environment(), "MURMUR_S3_ENDPOINT": f"http://127.0.0.1:{port}"}
    cluster = Cluster(folder, environment, {**SHAPE, "intake": 1})
    return Bench(folder, stack.enter_context(cluster), kafka, store, wire)


def _broker(stack: ExitStack, folder: Path, properties: str = "") -> Kafka:
    kafka = supervisor.own_kafka(folder / "kafka", AS_IT_COMES + properties)
    stack.callback(kafka.process.forget)
    return kafka


def _minio(stack: ExitStack, folder: Path, kafka: Kafka) -> Store:
    store = supervisor.own_store(MINIO, folder / "minio", kafka)
    stack.callback(store.process.forget)
    return store
