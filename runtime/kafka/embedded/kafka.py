"""What stages in the embedded broker's process are given: a `Kafka` whose clients are quiet while there is nothing to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from runtime.kafka.client import Kafka
from runtime.kafka.embedded.consumer import FETCH_WAIT_MS, EmbeddedConsumer
from runtime.kafka.embedded.followers import SharedConsumer
from runtime.kafka.embedded.offsets import EmbeddedOffsets
from runtime.kafka.embedded.producer import ReportingProducer, SharedProducer
from runtime.kafka.embedded.watermarks import Watermarks
from runtime.kafka.messages import Partition
from runtime.kafka.wakeup import Wakeup

LINGER_MS = 0.5  # with none each record wakes a thread of librdkafka, which takes the core of the one that has the interpreter
OWN = ("error_cb", "message.timeout.ms")  # settings that a shared producer need not have: this broker is never away


@dataclass(frozen=True)
class EmbeddedKafka(Kafka):
    """`open()` once the broker runs; `close()` when no stage does."""

    wakes: bool = True
    watermarks: Watermarks = field(init=False, repr=False, compare=False)
    stages: SharedProducer = field(init=False, repr=False, compare=False)
    followers: SharedConsumer = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", EmbeddedOffsets(self.prefix, self.client_config("offsets")))
        object.__setattr__(self, "watermarks", Watermarks(self.prefix, self.offsets))
        stages = self.producer_config("stages", **{"linger.ms": LINGER_MS})
        object.__setattr__(self, "stages", SharedProducer(stages, self.watermarks))
        followers = self.consumer_config("followers", **{"fetch.wait.max.ms": FETCH_WAIT_MS, "enable.partition.eof": True})
        object.__setattr__(self, "followers", SharedConsumer(followers, self.watermarks))

    def open(self) -> None:
        self.watermarks.start()

    def close(self) -> None:
        """Idempotent, finished on return."""
        self.watermarks.close()
        self.followers.close()
        self.stages.close()
        self.offsets.close()

    def producer(self, client: str, wakeup: Wakeup | None = None, /, **extra: Any) -> Producer:
        """Of one client that all share, unless `extra` asks for another kind."""
        if extra.keys() - OWN:
            return ReportingProducer(self.producer_config(client, **extra), self.watermarks)
        return self.stages.share(wakeup)

    def follower_consumer(self) -> Consumer:
        """Of one client that all share."""
        return self.followers.share()

    def consumer(self, group: str, wakeup: Wakeup | None = None, /, **extra: Any) -> Consumer:
        config = self.consumer_config(group, **{"fetch.wait.max.ms": FETCH_WAIT_MS, **extra})
        return EmbeddedConsumer(config, self.watermarks, wakeup or Wakeup())

    def commit(self, stage: str, offsets: Mapping[Partition, int]) -> None:
        """In the group of a stage that does not run: as if it had processed what is before these offsets. Blocks."""
        places = [TopicPartition(self.prefix + place.topic, place.number, offset) for place, offset in offsets.items()]
        consumer = self.consumer(stage)
        try:
            consumer.commit(offsets=places, asynchronous=False)
        finally:
            consumer.close()
