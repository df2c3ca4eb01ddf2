"""Processes that tests kill and freeze: a bare consumer, loops, half a transaction. Each prints its progress on stdout."""

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from confluent_kafka import Producer

from runtime.errors import KafkaFault
from runtime.kafka.client import Kafka
from runtime.kafka.each import EachRecord
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Partition, Received, Step
from runtime.kafka.wakeup import Wakeup
from schemas.topics import BY_NAME, CHUNKS_BULK
from tests.contract.brokers import LongTransactions, Transactions
from tests.waiting import DEADLINE_S

never = threading.Event()


def consumer(kafka: Kafka, given: Mapping[str, Any]) -> None:
    """Reads `count` records, commits the first `commit` of them, prints that, and hangs."""
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
    never.wait()


class Endless:
    """Takes what comes, begins it, leaves a note, and never ends it."""

    def room(self, topic: str) -> int:
        return 10

    def handle(self, records: Sequence[Received]) -> Iterable[Step]:
        for record in records:
            yield Step(begins=[record], checkpoints=[(record, "half way")])
            print(f"begun {record.offset} {record.attempts}", flush=True)

    def on_assign(self, partitions: Sequence[Partition]) -> None: ...

    def on_revoke(self, partitions: Sequence[Partition]) -> None: ...

    def close(self) -> None: ...


def loop(kafka: Kafka, given: Mapping[str, Any]) -> None:
    Loop(given["group"], kafka, [BY_NAME[given["topic"]]], Endless()).run()


def copied(record: Received) -> list[Output]:
    return [Output(CHUNKS_BULK, record.key or b"", record.value, record.partition.number)]


def copying(kafka: Kafka, given: Mapping[str, Any]) -> None:
    """A transactional loop that copies every record."""
    options = LoopOptions(transactional=True, assignment="range")
    print("ready", flush=True)
    Loop(given["group"], kafka, [BY_NAME[given["topic"]]], EachRecord(copied), options).run()


class Interrupted:
    """A transactional producer whose call `name` prints a word and waits, once."""

    def __init__(self, producer: Producer, name: str, word: str, wait: Callable[[], object]) -> None:
        self._producer = producer
        self._name = name
        self._word = word
        self._wait = wait

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            self._producer.flush(DEADLINE_S)
            print(self._word, flush=True)
            self._wait()
        return getattr(self._producer, name)


def half_a_turn(kafka: Kafka, given: Mapping[str, Any]) -> None:
    """Writes the copies, sends the offsets, and hangs before the commit."""
    turn(kafka, given, ("commit_transaction", "sent", never.wait))


def frozen_turn(kafka: Kafka, given: Mapping[str, Any]) -> None:
    """Writes the copies and prints that; continues when it is woken from a freeze."""
    thawed = threading.Event()
    signal.signal(signal.SIGCONT, lambda _number, _frame: thawed.set())

    try:
        turn(kafka, given, ("send_offsets_to_transaction", "produced", thawed.wait))
    except KafkaFault as fault:
        print(f"refused: {fault}", flush=True)


def turn(kafka: Kafka, given: Mapping[str, Any], interruption: tuple[str, str, Callable[[], object]]) -> None:
    """A loop whose first transaction is interrupted."""
    make = kafka.producer

    class Odd(Kafka):
        def producer(self, client: str, wakeup: Wakeup | None = None, /, **extra: Any) -> Producer:
            return Interrupted(make(client, wakeup, **extra), *interruption)  # type: ignore[return-value]

    odd = Odd(kafka.bootstrap, kafka.prefix, consumer_extra=kafka.consumer_extra, instance=kafka.instance)
    options = LoopOptions(transactional=True, assignment="range")
    Loop(given["group"], odd, [BY_NAME[given["topic"]]], EachRecord(copied), options).run()


if __name__ == "__main__":
    options = orjson.loads(sys.argv[2])
    kind = LongTransactions if options.get("transactions") == "long" else Transactions
    cluster = kind(
        options["bootstrap"], options["prefix"], consumer_extra=options["consumer_extra"], instance=options.get("instance")
    )
    kinds = {"consumer": consumer, "loop": loop, "copying": copying, "half_a_turn": half_a_turn, "frozen_turn": frozen_turn}
    kinds[sys.argv[1]](cluster, options)
