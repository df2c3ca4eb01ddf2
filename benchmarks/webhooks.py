"""How long webhooks take for healthy receivers while another one hangs: from the end of a job to the arrival.

`python -m benchmarks.webhooks [JOBS] [--kafka]`. A sink on the embedded broker, with --kafka on the real one of `make services`;
JOBS (1000) jobs, each of which is sent to one of 100 healthy endpoints and, in the second round, also to a receiver that accepts
connections and never answers. They have 100 owners.
"""

import socket
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from benchmarks.figures import conditions
from runtime.kafka import topics
from runtime.kafka.client import Kafka
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.messages import Output
from runtime.kafka.writer import Writer
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources
from runtime.settings import Settings
from runtime.signing import new_secret
from schemas.jobs import JobChanged
from schemas.topics import JOBS, WEBHOOK_ENDPOINTS
from schemas.webhooks import WebhookEndpoint, WebhookSecret
from scripts.services import supervisor
from sinks.webhooks import build
from tests.contract.webhooks.receiver import Got, Receiver
from tests.ended import SECRET, ended

HEALTHY = 100
RATE_PER_S = 100.0
PARTITIONS = 12  # of the topics of a real broker
PATIENCE_S = 120.0


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--kafka"]
    jobs, broker = int(words[0]) if words else 1000, real if "--kafka" in sys.argv else embedded
    print(conditions())
    for hanging in (False, True):
        with broker() as running:
            waits_s = sorted(measure(running, jobs, hanging=hanging))
        cuts = quantiles(waits_s, n=100)
        beside = "beside one that hangs" if hanging else "alone"
        figures = f"p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s"
        print(f"{broker.__name__} broker: {len(waits_s)} webhooks to {HEALTHY} receivers {beside}: {figures}")


class Broker(NamedTuple):
    """`local_state`: only beside the embedded one. `release`: before a sink is stopped."""

    kafka: Kafka
    local_state: Path | None = None
    release: Callable[[], None] = lambda: None


@contextmanager
def embedded() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker() as broker:
        yield Broker(broker.kafka(), Path(folder), broker.release)


@contextmanager
def real() -> Iterator[Broker]:
    with supervisor.borrowed() as services:
        kafka = Kafka(services.kafka.bootstrap, f"webhooks-{uuid.uuid4().hex[:8]}.")
        topics.apply(kafka, Settings(kafka_bootstrap=kafka.bootstrap, topic_prefix=kafka.prefix, topic_partitions=PARTITIONS))
        try:
            yield Broker(kafka)
        finally:
            services.kafka.drop(kafka.prefix)


def measure(broker: Broker, jobs: int, *, hanging: bool) -> list[float]:
    """Seconds from the end of each job to its arrival at the healthy receiver."""
    arrived: dict[str, float] = {}

    def take(got: Got) -> None:
        arrived.setdefault(got.document["task_id"], time.time())

    with (
        tempfile.TemporaryDirectory() as folder,
        Receiver(on_ok=take) as healthy,
        closing(socket.create_server(("127.0.0.1", 0), backlog=4096)) as dead,
    ):
        kafka = broker.kafka
        writer = Writer(kafka, kafka.producer("benchmark"), "benchmark")
        for number in range(HEALTHY):
            registered = endpoint(number, healthy.url("/ok"))
            writer.send(Output(WEBHOOK_ENDPOINTS, registered.endpoint_id, registered))
        settings = Settings(webhook_secret=new_secret(), webhook_allow_private=True)
        objects = DirectoryStore({"work": Path(folder)})
        stage = build(Resources(settings, kafka, objects, catalogue.resolve("demo"), local_state=broker.local_state))
        thread = threading.Thread(target=stage.run)
        thread.start()
        ends: dict[str, float] = {}
        for number in range(jobs):
            event = job(number, f"http://127.0.0.1:{dead.getsockname()[1]}/" if hanging else None)
            ends[str(event.job.job_id)] = event.changed_at.timestamp()
            writer.send(Output(JOBS, str(event.job.job_id), event))
            writer.poll()
            time.sleep(1 / RATE_PER_S)
        until_s = time.monotonic() + PATIENCE_S
        while len(arrived) < jobs and time.monotonic() < until_s:
            time.sleep(0.05)
        broker.release()
        stage.stop()
        thread.join()
    return [at - ends[task_id] for task_id, at in arrived.items()]


def job(number: int, url: str | None) -> JobChanged:
    event = ended(url, number)
    return event.model_copy(update={"job": event.job.model_copy(update={"owner": f"owner-{number % HEALTHY}"})})


def endpoint(number: int, url: str) -> WebhookEndpoint:
    at = datetime.now(UTC) - timedelta(days=1)
    return WebhookEndpoint(
        endpoint_id=f"ep_{number}",
        owner=f"owner-{number}",
        url=url,
        secrets=(WebhookSecret(secret=SECRET, created_at=at),),
        enabled_at=at,
        created_at=at,
        changed_at=at,
    )


if __name__ == "__main__":
    main()
