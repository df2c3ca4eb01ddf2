"""A record that could not be processed.

It is kept whole, with where it came from, so that it can be replayed.
"""

import base64
from datetime import datetime
from typing import ClassVar, Literal, Self

from pydantic import Field

from schemas.record import ObjectRef, Record, Time, Value

Outcome = Literal["replayed", "dropped"]


class Settlement(Value):
    """What was done with a dead letter: its record was written to its topic again, or it was given up."""

    outcome: Outcome
    at: Time


class DeadLetter(Record):
    """`dead-letters`: keys, values and headers are base64, since they may be any bytes. None: there was none.

    The last record of a key is valid: one with `settled` says that nothing is left to do, and has no key, value or headers.
    """

    TYPE: ClassVar[str] = "dead-letter"

    id: str | None = Field(
        None,
        description="the record's key: where it was read, and the stage, since several may fail on the same record; None: of "
        "an earlier release, whose key is topic-partition@offset",
        exclude_if=lambda letter_id: letter_id is None,
    )
    topic: str = Field(description="without the prefix")
    partition: int
    offset: int
    epoch: str | None = Field(
        None,
        description="one start of the broker of `murmur dev`, whose offsets begin at 0 each time; None: of another broker",
        exclude_if=lambda epoch: epoch is None,
    )
    key: str | None
    value: str | None
    value_at: ObjectRef | None = Field(
        None, description="where the value is, if it is too large for this record", exclude_if=lambda ref: ref is None
    )
    headers: tuple[tuple[str, str | None], ...] = ()
    stage: str
    reason: str
    message: str
    died_at: Time
    settled: Settlement | None = Field(
        None, description="None: it waits to be replayed or dropped", exclude_if=lambda settled: settled is None
    )

    def settle(self, outcome: Outcome, at: datetime) -> Self:
        """The record that marks it."""
        mark = {"key": None, "value": None, "headers": (), "settled": Settlement(outcome=outcome, at=at)}
        return self.model_copy(update=mark)

    @property
    def event_id(self) -> str:
        mark = f":{self.settled.outcome}" if self.settled is not None else ""
        return f"{self.topic}:{self.partition}:{self._place}:{self.stage}{mark}"

    @property
    def subject(self) -> str:
        return self.id or f"{self.topic}-{self.partition}@{self._place}"

    @property
    def _place(self) -> str:
        return f"{self.offset}~{self.epoch}" if self.epoch is not None else str(self.offset)

    @staticmethod
    def wrap(raw: bytes | None) -> str | None:
        return None if raw is None else base64.b64encode(raw).decode()

    @staticmethod
    def unwrap(text: str | None) -> bytes | None:
        return None if text is None else base64.b64decode(text)
