"""What is said about the names that a reader has given: of a job's file, and of who speaks in it."""

from typing import Annotated, Literal
from unicodedata import category

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from producers.gateway.documents.document import Document

SPEAKERS_MAX = 2000


# Of the invisible characters (Cf) those that words and emoji are spelt with: joiners, marks of direction, tags of flags.
SPELT_WITH = {chr(code) for code in (0x200C, 0x200D, 0x200E, 0x200F, 0x061C, *range(0xE0020, 0xE0080))}


def _one_line(name: str) -> str:
    """Without control characters, and what turns the direction of text: it becomes a line of subtitles."""
    kept = (" " if category(letter) in ("Cc", "Zl", "Zp") else letter for letter in name if _is_kept(letter))
    line = " ".join("".join(kept).split())
    return line if any(letter not in SPELT_WITH for letter in line) else ""


def _is_kept(letter: str) -> bool:
    return letter in SPELT_WITH or category(letter) not in ("Cf", "Cs")


Name = Annotated[str, Field(max_length=255), AfterValidator(_one_line)]


class Speaker(Document):
    """Who speaks from a time on, until the next one. Of several with the same time the last is valid."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: float = Field(strict=True, ge=0, le=10_000_000, description="in seconds")
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
