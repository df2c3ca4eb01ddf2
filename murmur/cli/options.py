"""Options that several commands share."""

from enum import StrEnum
from typing import Annotated

import typer


class Task(StrEnum):
    """What the model is asked to write."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


Language = Annotated[str | None, typer.Option(help="such as en or pt [default: detected]")]
AskedTask = Annotated[Task | None, typer.Option("--task", help="transcribe, or translate into English")]
Words = Annotated[bool, typer.Option("--words", help="also the time of every word, in the json result")]


def fields(language: str | None, task: Task | None, words: bool) -> dict[str, str]:
    """As fields of a submission; what was not said is left out."""
    said = {"language": language, "task": task, "words": "true" if words else None}
    return {name: str(value) for name, value in said.items() if value is not None}
