"""A handler for stages whose work is one quick call for each record: intake, the store sink."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic

from typing_extensions import TypeVar

from runtime.kafka.messages import Output, Partition, Received, Step
from schemas.codec import Undecodable
from schemas.record import Record

ROOM = 100
E_contra = TypeVar("E_contra", bound=Record | None, contravariant=True, default=Record | None)


class EachRecord(Generic[E_contra]):
    """Calls `function` with one record after the other, in order, and settles each.

    What it raises: Retry: the loop waits and offers the record again; Undecodable: a dead letter; else: the stage ends.
    """

    def __init__(self, function: Callable[[Received[E_contra]], Iterable[Output]]) -> None:
        self._function = function

    def room(self, topic: str) -> int:
        return ROOM

    def handle(self, records: Sequence[Received[E_contra]]) -> Iterable[Step]:
        for record in records:
            try:
                yield Step(outputs=list(self._function(record)), settles=record)
            except Undecodable as undecodable:
                yield Step(settles=record, dead=undecodable)

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        """There is no state between records."""

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        """There is no state between records."""

    def close(self) -> None:
        """There is nothing to close."""
