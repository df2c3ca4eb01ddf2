"""Writes outputs and tracks which of them the broker has acknowledged. Used by loops, and by producers without a loop.

Calls come from one thread: the delivery reports are served by `poll()`.
"""

from confluent_kafka import KafkaError, KafkaException, Producer

from runtime.errors import KafkaFault
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Output


class Writer:
    """`source` names the stage in the CloudEvents headers."""

    def __init__(self, kafka: Kafka, producer: Producer, source: str) -> None:
        self.producer = producer
        self.stage = source
        self._kafka = kafka
        self._source = f"murmur/{source}"
        self._sent = 0
        self._outstanding: dict[int, str] = {}
        self._failed: KafkaError | None = None

    @property
    def sent(self) -> int:
        """How many outputs were queued so far; the number of the last one."""
        return self._sent

    @property
    def acknowledged(self) -> int:
        """All outputs up to this number are acknowledged, with `acks=all`."""
        return next(iter(self._outstanding), self._sent + 1) - 1

    def send(self, output: Output) -> None:
        """Queues one output. Blocks only while the queue is full or the embedded broker holds its producers back."""
        number = self._sent + 1
        value, headers = output.encoded(self._source)
        self._kafka.backpressure.hold(output.topic.name, len(output.key) + len(value or b""))
        while True:
            try:
                self.producer.produce(
                    self._kafka.name(output.topic),
                    key=output.key,
                    value=value,
                    headers=[*headers],
                    partition=-1 if output.partition is None else output.partition,  # -1: by the key
                    on_delivery=lambda error, _message: self._delivered(number, None if output.may_be_lost else error),
                )
                break
            except BufferError:
                self.producer.poll(0.1)
            except KafkaException as error:  # larger than any topic allows, for example
                raise KafkaFault(f"a record for {output.topic.name} is refused: {error}") from error
        self._outstanding[number] = output.topic.name
        self._sent = number

    def poll(self, timeout_s: float = 0.0) -> None:
        """Serves delivery reports. Raises KafkaFault when an output was not delivered, unless it may be lost."""
        self.producer.poll(timeout_s)
        if self._failed is not None:
            raise KafkaFault(f"a record was not delivered: {self._failed.str()}")

    def flush(self, timeout_s: float) -> bool:
        """Waits until everything is acknowledged; False after `timeout_s`. Raises KafkaFault."""
        self.producer.flush(timeout_s)
        self.poll()
        return not self._outstanding

    def close(self) -> None:
        """Closes the producer, and drops what is not acknowledged: its inputs are not committed, either."""
        self.producer.purge()
        self.producer.close()

    def _delivered(self, number: int, error: KafkaError | None) -> None:
        self._outstanding.pop(number, None)
        if error is not None and self._failed is None:
            self._failed = error
