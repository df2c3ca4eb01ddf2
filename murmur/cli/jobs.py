"""`murmur submit`, `status`, `watch`, `cancel`, `result`: a running gateway from the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from murmur.gateway_client import GatewayClient

TaskId = Annotated[str, typer.Argument(metavar="TASK_ID", help="as `murmur submit` printed it")]
AsJson = Annotated[bool, typer.Option("--json", help="print the gateway's own answer")]
NOT_DONE = 1


def submit(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="audio or video")],
    language: Annotated[str | None, typer.Option(help="such as en or pt [default: detected]")] = None,
    model: Annotated[str | None, typer.Option(help="the model that must answer [default: the one that is served]")] = None,
    task: Annotated[str | None, typer.Option(help="transcribe, or translate to English")] = None,
    words: Annotated[bool, typer.Option("--words", help="also the time of every word")] = False,
    webhook_url: Annotated[str | None, typer.Option(help="gets a signed POST when the job has ended")] = None,
    json: AsJson = False,
) -> None:
    """Send files to a gateway and print their task ids. `murmur watch TASK_ID` follows one."""
    said = {"language": language, "model": model, "task": task, "words": "true" if words else None, "webhook_url": webhook_url}
    fields = {name: value for name, value in said.items() if value is not None}
    with _gateway() as gateway:
        for path in files:
            answer = gateway.submit(path, fields)
            _print(answer) if json else typer.echo(answer["task_id"])


def status(task_id: TaskId, json: AsJson = False) -> None:
    """Print how a job stands. Exits with 1 when it failed or was cancelled."""
    with _gateway() as gateway:
        answer = gateway.status(task_id)
    _print(answer) if json else typer.echo(_line(answer))
    _exit_by(answer)


def watch(task_id: TaskId, json: AsJson = False) -> None:
    """Follow a job to its end, printing text as it comes. Exits with 1 when it fails or is cancelled."""
    shown = 0
    answer: dict[str, Any] = {}
    with _gateway() as gateway:
        for answer in gateway.watch(task_id):
            if json:
                _print(answer)
                continue
            done = answer["state"] == "SUCCESS"
            segments = answer["result"]["transcription"]["segments"] if done else answer["progress"]["segments"]
            for segment in segments[shown:]:
                typer.echo(f"{segment['start']:8.2f} - {segment['end']:7.2f}  {segment['text']}")
            shown = max(shown, len(segments))
            typer.echo(_line(answer), err=True)
    _exit_by(answer)


def cancel(task_id: TaskId, json: AsJson = False) -> None:
    """Cancel a job. Others that wait for the same audio keep it. Exits with 1 when it has ended already."""
    with _gateway() as gateway:
        answer = gateway.cancel(task_id)
    _print(answer) if json else typer.echo(answer["message"])


def result(
    task_id: TaskId,
    format: Annotated[str, typer.Option("--format", "-f", help="txt, srt, vtt, tsv or json")] = "txt",
) -> None:
    """Print a finished job's transcript."""
    with _gateway() as gateway:
        typer.echo(gateway.transcript(task_id, format), nl=False)


def _gateway() -> "GatewayClient":
    from murmur.cli import load
    from murmur.gateway_client import GatewayClient

    return GatewayClient(load.settings().gateway_url)


def _print(answer: dict[str, Any]) -> None:
    import orjson

    typer.echo(orjson.dumps(answer))


def _line(answer: dict[str, Any]) -> str:
    why = f" ({answer['error']['reason']})" if answer.get("error") else ""
    return f"{answer['state']}: {answer['message']}{why}"


def _exit_by(answer: dict[str, Any]) -> None:
    if answer["state"] in ("FAILURE", "REVOKED"):
        raise typer.Exit(NOT_DONE)
