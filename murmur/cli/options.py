"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from runtime.models.catalogue import Model


STDIN = Path("-")  # as a file on the command line: standard input


class Task(StrEnum):
    """What the model writes: the spoken text, or its translation into English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


MODEL_HELP = "a model's name or folder [default: base on a CPU, large-v3-turbo on a GPU]"
Language = Annotated[str | None, typer.Option(help="a code or a name, such as pt or Portuguese [default: detected]")]
AskedTask = Annotated[Task | None, typer.Option("--task", help="transcribe, or translate into English")]
Words = Annotated[bool, typer.Option("--words", help="include the time of every word in the json result")]


Track = Annotated[
    int | None,
    typer.Option(min=0, max=999, help="audio track, counted from 0 [default: the default track, or the first with speech]"),
]


def fields(language: str | None, task: Task | None, words: bool, track: int | None) -> dict[str, str]:
    """As fields of a submission, without those that were not given."""
    values = {"language": language, "task": task, "words": "true" if words else None, "track": track}
    return {name: str(value) for name, value in values.items() if value is not None}


def parse_language(text: str | None) -> str | None:
    """The language's code; None: to be detected. Raises UsageError for an unknown one."""
    from runtime import languages
    from runtime.errors import Invalid, UsageError

    try:
        return languages.parse(text or "")
    except Invalid as error:
        raise UsageError(str(error)) from error


def check_language(text: str | None, model: "Model") -> None:
    """Called before anything is downloaded or started. Raises UsageError when the model does not support the language."""
    from runtime import languages
    from runtime.errors import Invalid, UsageError

    try:
        languages.check(parse_language(text), model.languages, model.ref.name)
    except Invalid as error:
        raise UsageError(str(error)) from error
