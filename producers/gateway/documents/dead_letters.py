"""What is said about dead letters."""

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from producers.gateway.documents.document import Document
from producers.gateway.view.letter_book import LetterState
from schemas.deadletter import Outcome

BASE64: dict[str, JsonValue] = {"contentEncoding": "base64"}


class DeadLetterRow(Document):
    """A record that a stage could not process."""

    id: str = Field(
        description="where it was read, and by which stage: topic-partition@offset~stage, in `murmur dev` with ~ and the start "
        "of its broker; topic-partition@offset if an earlier release wrote it"
    )
    state: LetterState
    topic: str = Field(description="without the prefix")
    partition: int
    offset: int
    stage: str
    reason: str
    message: str
    died_at: AwareDatetime
    settled_at: AwareDatetime | None = Field(description="when it was replayed or dropped")


class DeadLetterList(Document):
    """Dead letters, newest first."""

    dead_letters: tuple[DeadLetterRow, ...]
    waiting: int = Field(description="how many wait to be replayed or dropped, whatever the parameters")
    next_cursor: str | None


class RecordHeader(Document):
    """A header of a Kafka record."""

    name: str
    value: str | None = Field(json_schema_extra=BASE64)


class DeadLetterDetails(DeadLetterRow):
    """A dead letter with its record; of one that was settled, without."""

    key: str | None = Field(json_schema_extra=BASE64)
    headers: tuple[RecordHeader, ...]
    value: str | None = Field(description="of a long one the beginning; null: none, or in the store", json_schema_extra=BASE64)
    value_bytes: int | None


class DeadLettersSettled(Document):
    """The dead letters that were replayed or dropped."""

    success: Literal[True]
    outcome: Outcome
    dry_run: bool = Field(description="true: they would have been")
    count: int
    ids: tuple[str, ...] = Field(description="the first 1000 of them")
    settled_before: tuple[str, ...] = Field(description="named ones that had been replayed or dropped earlier: left alone")
