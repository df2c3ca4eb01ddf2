"""`murmur tail`: prints transcripts as they are published, from the topic `transcripts`."""

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from murmur.cli.reconcile import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runtime.kafka.client import Kafka
    from runtime.objects.transcripts import Transcripts
    from schemas.transcript import TranscriptCompleted

BROKER_S = 5.0
POLL_S = 0.5


def tail(
    since: Annotated[
        str | None, typer.Option(help="also what was published in this time, such as 2h or 7d [default: from now on]")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="only of this owner")] = None,
    language: Annotated[str | None, typer.Option(help="only in this language: a code or an English name")] = None,
    file: Annotated[str | None, typer.Option(help="only where the name of the file has this text")] = None,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="end after so many")] = None,
    no_follow: Annotated[bool, typer.Option("--no-follow", help="end with what there is now")] = False,
    resolve: Annotated[bool, typer.Option("--resolve", help="read texts that are too long for a record from the store")] = False,
    json: Annotated[bool, typer.Option("--json", help="the records, one JSON object a line")] = False,
) -> None:
    """Print transcripts as they are published, with their texts. Reads the topic alone, without a consumer group.

    A text that is too long for a record is in the object store; its line says where, and --resolve reads it.
    """
    from runtime.errors import UsageError

    if no_follow and since is None:
        raise UsageError("--no-follow needs --since: there is nothing between now and now")
    begin = None if since is None else datetime.now(UTC) - duration(since)
    language = None if language is None else _code(language)
    transcripts = _transcripts() if resolve else None
    shown = 0
    try:
        for event in _events(begin, follow=not no_follow):
            if not _matches(event, owner, language, file):
                continue
            whole = _resolved(event, transcripts)
            for line in [whole.model_dump_json()] if json else _lines(whole):
                typer.echo(line)
            shown += 1
            if shown == count:
                return
    except KeyboardInterrupt:
        return


def _events(since: "datetime | None", *, follow: bool) -> "Iterator[TranscriptCompleted]":
    """Committed records; what this version cannot decode is skipped."""
    from runtime.kafka.follower import Follower
    from schemas.topics import TRANSCRIPTS
    from schemas.transcript import TranscriptCompleted

    with closing(Follower(_kafka(), [TRANSCRIPTS], "end" if since is None else "beginning")) as follower:
        follower.open()
        ends = follower.end_offsets()
        while follow or not follower.reached(ends):
            for record in follower.poll(POLL_S):
                event = record.event
                if isinstance(event, TranscriptCompleted) and (since is None or event.completed_at >= since):
                    yield event


def _matches(event: "TranscriptCompleted", owner: str | None, language: str | None, file: str | None) -> bool:
    return (
        (owner is None or event.job.owner == owner)
        and (language is None or event.result.language == language)
        and (file is None or file.casefold() in event.job.filename.casefold())
    )


def _resolved(event: "TranscriptCompleted", transcripts: "Transcripts | None") -> "TranscriptCompleted":
    """With its transcript, where that can be read."""
    from runtime.errors import MurmurError
    from schemas.codec import Undecodable

    if event.transcript is not None or transcripts is None:
        return event
    try:
        return event.model_copy(update={"transcript": transcripts.read_result(event.work_id, event.result)})
    except (MurmurError, Undecodable) as error:
        typer.echo(f"murmur: {error}", err=True)
        return event


def _code(language: str) -> str:
    """Raises UsageError."""
    from runtime import languages
    from runtime.errors import Invalid, UsageError

    try:
        code = languages.parse(language)
    except Invalid as error:
        raise UsageError(f"--language: {error}") from error
    if code is None:
        raise UsageError("--language: give a code or an English name, such as pt or Portuguese")
    return code


def _lines(event: "TranscriptCompleted") -> list[str]:
    """Without what a terminal would take for a command."""
    from murmur.cli.progress import printable
    from runtime.subtitles.units import one_line

    job, result = event.job, event.result
    facts = [result.language or "no speech", f"{result.duration_s:.1f} s", *(["cached"] if event.cached else [])]
    head = f"{event.completed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}  {printable(job.filename)}  {', '.join(facts)}  {job.job_id}"
    if event.transcript is None:
        place = result.transcript
        return [head, f"  a long text, in {place.bucket}/{place.key} (--resolve reads it; or: murmur result {job.job_id})"]
    return [head, *(f"  {one_line(segment.text)}" for segment in event.transcript.segments)]


def _kafka() -> "Kafka":
    """Checks first that the broker answers."""
    from murmur.cli import load
    from runtime.kafka.client import Kafka

    kafka = Kafka.from_settings(load.settings())
    kafka.brokers(BROKER_S)
    return kafka


def _transcripts() -> "Transcripts":
    from murmur.cli import load
    from runtime.objects import open as stores
    from runtime.objects.transcripts import Transcripts

    settings = load.settings()
    return Transcripts(stores.from_settings(settings), settings.work_bucket)
