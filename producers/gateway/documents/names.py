"""What is said about the names that a reader has given: of a job's file, and of who speaks in it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from producers.gateway.documents.document import Document

SPEAKERS_MAX = 2000


def _one_line(name: str) -> str:
    """Without control characters: it becomes a line of subtitles."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())


Name = Annotated[str, Field(max_length=255), AfterValidator(_one_line)]


class Speaker(Document):
    """Who speaks from a time on, until the next one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: float = Field(ge=0, le=10_000_000, description="in seconds")
    name: Name


class Names(Document):
    """Of a file and its speakers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filename: Name = Field("", description="empty: the file has the name that it was submitted with")
    speakers: tuple[Speaker, ...] = Field((), max_length=SPEAKERS_MAX)


class JobNames(Names):
    """The names that were given to a job."""

    success: Literal[True]
    task_id: str = Field(json_schema_extra={"format": "uuid"})
    changed_at: AwareDatetime | None = Field(description="null: none were given so far")
