"""Processes that tests kill: a bare consumer, and a loop whose work never ends. Each says on stdout how far it is."""

import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from murmur.kafka.client import Kafka
from murmur.kafka.loop import Loop
from murmur.kafka.messages import Partition, Received, Step
from schemas.topics import BY_NAME

for_ever = threading.Event()


def consumer(kafka: Kafka, given: Mapping[str, Any]) -> None:
    """Reads `count` records, commits the first `commit` of them, says so, and hangs."""
    reader = kafka.consumer(given["group"], **{"partition.assignment.strategy": "cooperative-sticky"})
    reader.subscribe([kafka.prefix + given["topic"]])
    seen = 0
    while seen < int(given["count"]):
        message = reader.poll(0.1)
        if message is None:
            continue
        seen += 1
        if seen == int(given["commit"]):
            reader.commit(message=message, asynchronous=False)
    print("read", flush=True)
    for_ever.wait()


class Endless:
    """Takes what comes, begins it, leaves a note, and never ends it."""

    def room(self, topic: str) -> int:
        return 10

    def handle(self, records: Sequence[Received]) -> Iterable[Step]:
        for record in records:
            yield Step(begins=[record], notes=[(record, "half way")])
            print(f"begun {record.offset} {record.attempts}", flush=True)

    def assigned(self, partitions: Sequence[Partition]) -> None: ...

    def revoked(self, partitions: Sequence[Partition]) -> None: ...

    def close(self) -> None: ...


def loop(kafka: Kafka, given: Mapping[str, Any]) -> None:
    Loop(given["group"], kafka, [BY_NAME[given["topic"]]], Endless()).run()


if __name__ == "__main__":
    options = orjson.loads(sys.argv[2])
    cluster = Kafka(options["bootstrap"], options["prefix"], consumer_extra=options["consumer_extra"], transactions=False)
    {"consumer": consumer, "loop": loop}[sys.argv[1]](cluster, options)
