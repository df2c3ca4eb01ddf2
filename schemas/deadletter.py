"""A record that could not be processed.

It is kept whole, with where it came from, so that it can be replayed.
"""

import base64
from typing import ClassVar

from pydantic import Field

from schemas.record import ObjectRef, Record, Time


class DeadLetter(Record):
    """`dead-letters`: keys, values and headers are base64, since they may be any bytes. None: there was none."""

    TYPE: ClassVar[str] = "dead-letter"

    topic: str = Field(description="without the prefix")
    partition: int
    offset: int
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

    @property
    def event_id(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}:{self.stage}"

    @property
    def subject(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"

    @staticmethod
    def wrap(raw: bytes | None) -> str | None:
        return None if raw is None else base64.b64encode(raw).decode()

    @staticmethod
    def unwrap(text: str | None) -> bytes | None:
        return None if text is None else base64.b64decode(text)
