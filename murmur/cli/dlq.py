"""`murmur dlq`: lists dead letters, prints them in full, and replays them to the topics that they came from."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.errors import UsageError

if TYPE_CHECKING:
    from runtime.kafka.client import Kafka
    from schemas.deadletter import DeadLetter

app = typer.Typer(no_args_is_help=True, help="Dead letters: records that could not be processed.", rich_markup_mode=None)
BROKER_S = 5.0
LetterId = Annotated[str, typer.Argument(metavar="ID", help="as `murmur dlq list` prints it: topic-partition@offset")]


@app.command("list", epilog="Example: murmur dlq list --json")
def list_letters(json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False) -> None:
    """List all dead letters, oldest first. Every line begins with the id; with --json it is the field `id`."""
    import orjson

    for letter in _letters(_kafka()):
        if json:
            typer.echo(orjson.dumps({"id": letter.subject, **letter.model_dump(mode="json")}))
        else:
            died = letter.died_at.strftime("%Y-%m-%d %H:%M:%S")
            typer.echo(f"{letter.subject}  {died}  {letter.stage}  {letter.reason}: {letter.message}")


@app.command("show", epilog="Example: murmur dlq show requests-3@17")
def show(letter_id: LetterId, raw: Annotated[bool, typer.Option("--raw", help="only the value's bytes")] = False) -> None:
    """Print one dead letter with its original bytes."""
    letter = _one(letter_id)
    if letter.value_at is not None and not raw:
        typer.echo(f"value at  {letter.value_at.bucket}/{letter.value_at.key} in the object store")
    value = _value(letter) if raw else letter.unwrap(letter.value)
    if raw:
        sys.stdout.buffer.write(value or b"")
        return
    for name in ("topic", "partition", "offset", "stage", "reason", "message", "died_at"):
        typer.echo(f"{name:9} {getattr(letter, name)}")
    typer.echo(f"key       {_text(letter.unwrap(letter.key))}")
    for header, content in letter.headers:
        typer.echo(f"header    {header}: {_text(letter.unwrap(content))}")
    typer.echo(f"value     {_text(value)}")


@app.command("replay", epilog="Example: murmur dlq replay --reason wrong_schema")
def replay(
    letter_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="ids as `murmur dlq list` prints them")] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="every dead letter")] = False,
    reason: Annotated[str | None, typer.Option(help="only those with this reason")] = None,
) -> None:
    """Write dead letters back to their topics, byte for byte. Those that still cannot be decoded become dead letters again."""
    from runtime.kafka import deadletters

    if not (letter_ids or all_of_them or reason):
        raise UsageError("name the dead letters to replay: IDs, --reason REASON, or --all")
    kafka = _kafka()
    chosen = [letter for letter in _letters(kafka) if not letter_ids or letter.subject in letter_ids]
    chosen = [letter for letter in chosen if reason is None or letter.reason == reason]
    if missing := set(letter_ids or ()) - {letter.subject for letter in chosen}:
        raise UsageError(f"no dead letter {', '.join(sorted(missing))}: `murmur dlq list` lists all")
    deadletters.replay(kafka, chosen, _value)
    typer.echo(f"replayed {len(chosen)}")


def _kafka() -> "Kafka":
    """Checks first that the broker answers: a client would keep retrying for a long time."""
    from murmur.cli import load
    from runtime.kafka.client import Kafka

    kafka = Kafka.from_settings(load.settings())
    kafka.brokers(BROKER_S)
    return kafka


def _letters(kafka: "Kafka") -> "list[DeadLetter]":
    from runtime.kafka import deadletters

    return deadletters.read_all(kafka)


def _one(letter_id: str) -> "DeadLetter":
    for letter in _letters(_kafka()):
        if letter.subject == letter_id:
            return letter
    raise UsageError(f"no dead letter {letter_id}: `murmur dlq list` lists all")


def _value(letter: "DeadLetter") -> bytes | None:
    """The original bytes, from the object store if they are too large for the letter. Raises UsageError: not there."""
    ref = letter.value_at
    if ref is None:
        return letter.unwrap(letter.value)
    from murmur.cli import load
    from runtime.objects import NotFound
    from runtime.objects import open as stores

    try:
        return stores.from_settings(load.settings()).get(ref.bucket, ref.key)
    except NotFound as error:
        raise UsageError(
            f"the value of {letter.subject} is not in the object store: {error}. For `murmur dev` set MURMUR_STORE=directory and "
            "MURMUR_STORE_DIR to its data folder"
        ) from error


def _text(raw: bytes | None) -> str:
    """UTF-8 if possible, else hexadecimal: no control sequences reach the terminal."""
    if raw is None:
        return "(none)"
    text = raw.decode(errors="replace")
    return text if text.isprintable() and "\ufffd" not in text else f"0x{raw.hex()}"
