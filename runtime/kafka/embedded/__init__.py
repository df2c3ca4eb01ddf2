"""The in-process broker of `murmur dev` and the tests, and the clients that stages in its own process get.

`broker`: the broker itself, and what is peculiar to it. `backlog`: holds producers back. `watermarks`, `consumer` and
`producer`: idle consumers fetch nothing until a record is delivered, and all stages share one producer.
"""

from runtime.kafka.embedded.broker import EmbeddedBroker

__all__ = ["EmbeddedBroker"]
