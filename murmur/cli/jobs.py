"""`murmur submit`, `jobs`, `status`, `watch`, `cancel`, `retry`, `delete`, `result`: commands for a running gateway."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from murmur.cli import notes, options
from murmur.cli.gateway import ApiKey, AsJson, gateway_of, print_json
from runtime.errors import UsageError

TaskId = Annotated[str, typer.Argument(metavar="TASK_ID", help="as `murmur submit` printed it")]
TaskIds = Annotated[list[str], typer.Argument(metavar="TASK_ID...", help="as `murmur submit` or `murmur jobs` printed them")]
NOT_DONE = 1
STATES = ("PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED")


@options.with_options
def submit(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE...", help="audio or video")] = None,
    url: Annotated[list[str] | None, typer.Option(help="audio or video that the gateway fetches; may be repeated")] = None,
    model: Annotated[str | None, typer.Option(help="one of the models that the gateway serves [default: its default]")] = None,
    webhook_url: Annotated[str | None, typer.Option(help="receives a signed POST when the job has ended")] = None,
    priority: Annotated[
        str | None, typer.Option(help="high, normal or low: high is the fast lane, low that of long files [default: by length]")
    ] = None,
    lane: Annotated[str | None, typer.Option(help="the same by the names of the lanes: interactive or bulk")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="transcribe again, and replace the earlier transcript")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="the text as transcribed, where the gateway has texts corrected")] = False,
    json: AsJson = False,
    api_key: ApiKey = None,
    *,
    fields: dict[str, str],
) -> None:
    """Send files or URLs to a gateway and print their task ids, one per line. `murmur watch TASK_ID` follows one.

    MURMUR_GATEWAY_URL names the gateway. Stops at the first file that is rejected. What the options below leave out is taken from
    the gateway's settings.
    """
    files, urls = files or [], url or []
    if not files and not urls:
        raise UsageError("nothing to submit: give files, or --url")
    if missing := [str(path) for path in files if not path.is_file()]:
        raise UsageError(f"no such file: {', '.join(missing)}")
    more = {
        "model": model,
        "webhook_url": webhook_url,
        "priority": priority,
        "lane": lane,
        "no_cache": "true" if no_cache else None,
        "correct": "false" if raw else None,
    }
    fields |= {name: value for name, value in more.items() if value is not None}
    with gateway_of(api_key, json) as gateway:
        submissions = [*(partial(gateway.submit, path) for path in files), *(partial(gateway.submit_url, each) for each in urls)]
        for submission in submissions:
            answer = submission(fields)
            print_json(answer) if json else typer.echo(answer["task_id"])


def jobs(
    all_of_them: Annotated[bool, typer.Option("--all", "-a", help="every job, not only the newest")] = False,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="how many of the newest")] = 20,
    state: Annotated[str | None, typer.Option(help=f"only jobs in this state: {', '.join(STATES)}")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="only the task ids, one per line")] = False,
    json: AsJson = False,
    api_key: ApiKey = None,
) -> None:
    """List jobs in any state, newest first."""
    from murmur.cli import job_table

    with gateway_of(api_key, json) as gateway:
        answer = gateway.jobs(None if all_of_them else last, state)
    if json:
        print_json(answer)
    elif quiet:
        for job in answer["jobs"]:
            typer.echo(job["task_id"])
    else:
        for line in job_table.lines(answer["jobs"]):
            typer.echo(line)


def status(task_id: TaskId, json: AsJson = False, api_key: ApiKey = None) -> None:
    """Print the state of a job. Exits with 1 when it failed or was cancelled."""
    with gateway_of(api_key, json) as gateway:
        answer = gateway.status(task_id)
    print_json(answer) if json else typer.echo(_line(answer))
    _exit_by(answer)


def watch(task_id: TaskId, json: AsJson = False, api_key: ApiKey = None) -> None:
    """Follow a job to its end, printing segments as they arrive, not necessarily in file order. Exits with 1 when the
    job fails or is cancelled."""
    shown: set[tuple[float, float, str]] = set()
    answer: dict[str, Any] = {}
    with gateway_of(api_key, json) as gateway:
        for answer in gateway.watch(task_id):
            if json:
                print_json(answer)
                continue
            for segment in _segments(answer):
                key = (segment["start"], segment["end"], segment["text"])
                if key not in shown:
                    shown.add(key)
                    typer.echo(f"{segment['start']:8.2f} - {segment['end']:7.2f}  {segment['text']}")
            typer.echo(_line(answer), err=True)
    if not json:
        for line in notes.lines(answer):
            typer.echo(f"note: {line}", err=True)
    _exit_by(answer)


def cancel(task_id: TaskId, json: AsJson = False, api_key: ApiKey = None) -> None:
    """Cancel a job. Other jobs with the same audio are not affected. Exits with 1 when the job has already ended."""
    with gateway_of(api_key, json) as gateway:
        answer = gateway.cancel(task_id)
    print_json(answer) if json else typer.echo(answer["message"])


def retry(task_ids: TaskIds, json: AsJson = False, api_key: ApiKey = None) -> None:
    """Run failed or cancelled jobs again, as new jobs, and print the new task ids, one per line.

    The audio must still be in the store. Exits with 1 when one of them cannot be retried; the others are.
    """
    with gateway_of(api_key) as gateway:
        _for_each(task_ids, gateway.retry, "task_id", json)


def delete(task_ids: TaskIds, json: AsJson = False, api_key: ApiKey = None) -> None:
    """Delete jobs that have ended, with their transcripts and uploads. Files in the inbox and the outbox are kept.

    Exits with 1 when one of them cannot be deleted; the others are. A job that has not ended must be cancelled first.
    """
    with gateway_of(api_key) as gateway:
        _for_each(task_ids, gateway.delete, "message", json)


def result(
    task_id: TaskId,
    format: Annotated[str, typer.Option("--format", "-f", help="txt, srt, vtt, tsv, json, verbose_json or words")] = "txt",
    api_key: ApiKey = None,
) -> None:
    """Print the transcript of a finished job. Exits with 1 when there is none."""
    from runtime.formats import FORMATS

    if format not in FORMATS:
        raise UsageError(f"--format {format!r}: give one of {', '.join(FORMATS)}")
    with gateway_of(api_key) as gateway:
        typer.echo(gateway.transcript(task_id, format), nl=False)


def _for_each(task_ids: list[str], request: Callable[[str], dict[str, Any]], shown: str, json: bool) -> None:
    """Prints the field `shown` of each response. A job that is refused is one line on stderr, and does not stop the others."""
    from murmur.gateway_client import Refused

    refused = False
    for task_id in dict.fromkeys(task_ids):
        try:
            answer = request(task_id)
        except Refused as refusal:
            refused = True
            typer.echo(f"murmur: {task_id}: {refusal}", err=True)
            answer = refusal.document
        else:
            if not json:
                typer.echo(answer[shown])
        if json and answer:
            print_json(answer)
    if refused:
        raise typer.Exit(NOT_DONE)


def _segments(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the result once there is one; none if the transcript is no longer in the store."""
    result = answer.get("result")
    segments: list[dict[str, Any]] = result["transcription"]["segments"] if result else answer["progress"]["segments"]
    return segments


def _line(answer: dict[str, Any]) -> str:
    reason = f" ({answer['error']['reason']})" if answer.get("error") else ""
    return f"{answer['state']}: {answer['message']}{reason}"


def _exit_by(answer: dict[str, Any]) -> None:
    if answer["state"] in ("FAILURE", "REVOKED"):
        raise typer.Exit(NOT_DONE)
