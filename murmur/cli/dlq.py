"""`murmur dlq`: lists dead letters, prints them in full, replays them to the topics that they came from, or drops them."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.errors import UsageError

if TYPE_CHECKING:
    from runtime.kafka.client import Kafka
    from runtime.kafka.deadletters import Selection
    from schemas.deadletter import DeadLetter, Outcome

app = typer.Typer(no_args_is_help=True, help="Dead letters: records that could not be processed.", rich_markup_mode=None)
BROKER_S = 5.0
LetterId = Annotated[str, typer.Argument(metavar="ID", help="as `murmur dlq list` prints it: topic-partition@offset~stage")]
LetterIds = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="ids as `murmur dlq list` prints them")]
Everything = Annotated[bool, typer.Option("--all", help="every dead letter that waits")]
Stage = Annotated[str | None, typer.Option(help="only those of this stage")]
Topic = Annotated[str | None, typer.Option(help="only those from this topic, named without the prefix")]
Reason = Annotated[str | None, typer.Option(help="only those with this reason")]
Since = Annotated[datetime | None, typer.Option(help="only those from then on, in UTC, such as 2026-01-31T12:00:00")]
Until = Annotated[datetime | None, typer.Option(help="only those before then")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only print which ones these are")]


@app.command("list", epilog="Example: murmur dlq list --json")
def list_letters(
    settled: Annotated[bool, typer.Option("--settled", help="also those that were replayed or dropped")] = False,
    stage: Stage = None,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """List the dead letters that wait, oldest first. Every line begins with the id; with --json it is the field `id`."""
    import orjson

    from runtime.kafka import deadletters

    for letter in deadletters.read(_kafka(), _selection((), stage, topic, reason, (since, until))):
        if letter.settled is not None and not settled:
            continue
        if json:
            typer.echo(orjson.dumps({"id": letter.subject, **letter.model_dump(mode="json")}))
        else:
            died = letter.died_at.strftime("%Y-%m-%d %H:%M:%S")
            outcome = f"  ({letter.settled.outcome})" if letter.settled is not None else ""
            typer.echo(f"{letter.subject}  {died}  {letter.stage}  {letter.reason}: {letter.message}{outcome}")


@app.command("show", epilog="Example: murmur dlq show requests-3@17~coordinator")
def show(letter_id: LetterId, raw: Annotated[bool, typer.Option("--raw", help="only the value's bytes")] = False) -> None:
    """Print one dead letter with its original bytes. Of one that was replayed or dropped, only where it came from is left."""
    letter = _one(letter_id)
    if raw and letter.settled is not None:
        raise UsageError(f"the value of {letter_id} is no longer kept: it was {letter.settled.outcome}")
    if letter.value_at is not None and not raw:
        typer.echo(f"value at  {letter.value_at.bucket}/{letter.value_at.key} in the object store")
    value = _value(letter) if raw else letter.unwrap(letter.value)
    if raw:
        sys.stdout.buffer.write(value or b"")
        return
    for name in ("topic", "partition", "offset", "stage", "reason", "message", "died_at"):
        typer.echo(f"{name:9} {getattr(letter, name)}")
    if letter.settled is not None:
        typer.echo(f"{letter.settled.outcome:9} {letter.settled.at}")
        return
    typer.echo(f"key       {_text(letter.unwrap(letter.key))}")
    for header, content in letter.headers:
        typer.echo(f"header    {header}: {_text(letter.unwrap(content))}")
    typer.echo(f"value     {_text(value)}")


@app.command("replay", epilog="Example: murmur dlq replay --reason wrong_schema --dry-run")
def replay(
    letter_ids: LetterIds = None,
    all_of_them: Everything = False,
    stage: Stage = None,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    dry_run: DryRun = False,
) -> None:
    """Write dead letters back to their topics, byte for byte. Those that still cannot be decoded become dead letters again.

    Each is replayed once: one that was replayed or dropped before is left alone.
    """
    which = _selection(letter_ids or (), stage, topic, reason, (since, until))
    _settle(which, "replayed", all_of_them=all_of_them, dry_run=dry_run)


@app.command("drop", epilog="Example: murmur dlq drop requests-3@17~coordinator")
def drop(
    letter_ids: LetterIds = None,
    all_of_them: Everything = False,
    stage: Stage = None,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    dry_run: DryRun = False,
) -> None:
    """Give dead letters up: they are neither listed nor counted any more, and cannot be replayed."""
    which = _selection(letter_ids or (), stage, topic, reason, (since, until))
    _settle(which, "dropped", all_of_them=all_of_them, dry_run=dry_run)


def _settle(which: "Selection", outcome: "Outcome", *, all_of_them: bool, dry_run: bool) -> None:
    from runtime.kafka import settling
    from runtime.kafka.deadletters import ALL

    if which == ALL and not all_of_them:
        raise UsageError("name the dead letters: IDs, --stage, --topic, --reason, --since, --until, or --all")
    kafka = _kafka()
    found = settling.preview(kafka, which)
    if missing := which.ids - found.ids:
        raise UsageError(f"no dead letter {', '.join(sorted(missing))}: `murmur dlq list` lists all")
    if dry_run:
        for letter in found.now:
            typer.echo(letter.subject)
    else:
        found = settling.settle(kafka, which, outcome, _value, _progress)
        _discard(found.now)
    typer.echo(f"{'would be ' if dry_run else ''}{outcome} {len(found.now)}", err=dry_run)
    if which.ids and found.before:
        typer.echo(f"settled before: {len(found.before)}", err=True)


def _progress(done: int, of: int) -> None:
    """Of what takes more than a moment."""
    if done < of:
        typer.echo(f"{done} of {of}", err=True)


def _selection(
    ids: Iterable[str],
    stage: str | None,
    topic: str | None,
    reason: str | None,
    span: tuple[datetime | None, datetime | None],
) -> "Selection":
    from runtime.kafka.deadletters import Selection

    since, until = (time and time.replace(tzinfo=UTC) for time in span)
    return Selection(frozenset(ids), stage, topic, reason, since, until)


def _kafka() -> "Kafka":
    """Checks first that the broker answers: a client would keep retrying for a long time."""
    from murmur.cli import load
    from runtime.kafka.client import Kafka

    return Kafka.from_settings(load.settings()).reached(BROKER_S)


def _one(letter_id: str) -> "DeadLetter":
    from runtime.kafka import deadletters
    from runtime.kafka.deadletters import Selection

    for letter in deadletters.read(_kafka(), Selection(frozenset({letter_id}))):
        return letter
    raise UsageError(f"no dead letter {letter_id}: `murmur dlq list` lists all")


def _value(letter: "DeadLetter") -> bytes | None:
    """The original bytes, from the object store if they are too large for the letter. Raises UsageError: not there."""
    from murmur.cli import load
    from runtime.objects import NotFound, large_letters
    from runtime.objects import open as stores

    if letter.value_at is None:
        return letter.unwrap(letter.value)
    try:
        return large_letters.value(stores.from_settings(load.settings()), letter)
    except NotFound as error:
        raise UsageError(
            f"the value of {letter.subject} is not in the object store: {error}. For `murmur dev` set MURMUR_STORE=directory and "
            "MURMUR_STORE_DIR to its data folder"
        ) from error


def _discard(letters: Iterable["DeadLetter"]) -> None:
    """Nothing refers to their values any more."""
    from murmur.cli import load
    from runtime.errors import MurmurError
    from runtime.objects import large_letters
    from runtime.objects import open as stores

    large = [letter for letter in letters if letter.value_at is not None]
    if not large:
        return
    try:
        large_letters.discard(stores.from_settings(load.settings()), large)
    except MurmurError as error:
        typer.echo(f"their values were not deleted from the object store: {error}", err=True)


def _text(raw: bytes | None) -> str:
    """UTF-8 if possible, else hexadecimal: no control sequences reach the terminal."""
    if raw is None:
        return "(none)"
    text = raw.decode(errors="replace")
    return text if text.isprintable() and "\ufffd" not in text else f"0x{raw.hex()}"
