"""`murmur transcribe FILE...`: local files to text, without a broker or a gateway running elsewhere.

It runs the embedded system for as long as it takes, and asks it over HTTP like anybody else.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from murmur.errors import MurmurError, UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

    from murmur.gateway_client import GatewayClient

STAGES = ("gateway", "coordinator", "slicer", "transcriber")
MODEL_S = 3600.0  # a large model may have to be downloaded first
DEFAULT_FORMATS = "txt,srt,vtt,json"


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="audio or video")],
    out: Annotated[Path | None, typer.Option(help="folder for the results [default: beside each file]")] = None,
    model: Annotated[str | None, typer.Option(help="a model's name or folder [default: by device]")] = None,
    language: Annotated[str | None, typer.Option(help="such as en or pt [default: detected]")] = None,
    task: Annotated[str | None, typer.Option(help="transcribe, or translate to English")] = None,
    words: Annotated[bool, typer.Option("--words", help="also the time of every word")] = False,
    formats: Annotated[str, typer.Option(help="which results, with commas")] = DEFAULT_FORMATS,
) -> None:
    """Transcribe local files. Results are named like the file without its extension: talk.mp3 gives talk.txt, talk.srt …

    Exits with 1 when any file could not be transcribed; the others are written all the same.
    """
    from murmur import logs
    from murmur.cli import load
    from murmur.dev import Dev

    wanted = _formats(formats)
    _check(files, out, wanted)
    said = {"language": language, "task": task, "words": "true" if words else None}
    fields = {name: value for name, value in said.items() if value is not None}
    with tempfile.TemporaryDirectory(prefix="murmur-") as data:
        settings = load.settings(model=model, data_dir=Path(data), gateway_host="127.0.0.1", gateway_port=0, log_level="ERROR")
        logs.set_up(settings)
        with Dev(settings, STAGES) as system:
            system.wait_ready(MODEL_S)
            assert system.address is not None
            failed = _all(system.address, files, fields, out, wanted)
    if failed:
        raise typer.Exit(1)


def _all(address: str, files: list[Path], fields: dict[str, str], out: Path | None, formats: list[str]) -> int:
    """How many files failed. All are sent first: a long one does not keep the others waiting."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from murmur.gateway_client import GatewayClient

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with GatewayClient(address) as gateway, Progress(*columns, transient=False) as progress:
        sent = [(path, gateway.submit(path, fields)["task_id"], progress.add_task(path.name, total=1.0)) for path in files]
        return sum(not _one(gateway, progress, entry, out, formats) for entry in sent)


def _one(
    gateway: "GatewayClient", progress: "Progress", sent: tuple[Path, str, Any], out: Path | None, formats: list[str]
) -> bool:
    path, task_id, bar = sent
    status: dict[str, Any] = {}
    for status in gateway.watch(task_id):
        progress.update(bar, completed=status["progress"]["share"])
    if status["state"] != "SUCCESS":
        error = status.get("error") or {"reason": status["state"].lower(), "message": status["message"]}
        progress.console.print(f"{path}: {error['message']} ({error['reason']})", markup=False, highlight=False)
        return False
    for name in formats:
        result = (out or path.parent) / f"{path.stem}.{name}"
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_bytes(gateway.transcript(task_id, name))
        progress.console.print(f"{result}", markup=False, highlight=False)
    return True


def _formats(text: str) -> list[str]:
    from murmur.formats import FORMATS

    wanted = [name.strip().lower() for name in text.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in FORMATS]:
        raise UsageError(f"--formats: {', '.join(unknown)} is not known. There are: {', '.join(FORMATS)}")
    return wanted


def _check(files: list[Path], out: Path | None, formats: list[str]) -> None:
    """Before any work: every file is there, and no two results would have one name."""
    if missing := [str(path) for path in files if not path.is_file()]:
        raise UsageError(f"there is no file {', '.join(missing)}")
    results = [(out or path.parent).resolve() / path.stem for path in files]
    if doubled := {result.name for result in results if results.count(result) > 1}:
        raise UsageError(
            f"several files would be written as {', '.join(sorted(doubled))}: give them to separate calls with --out"
        )
    inputs = {path.resolve() for path in files}
    if any(result.with_name(f"{result.name}.{name}") in inputs for result in results for name in formats):
        raise MurmurError("a result would overwrite one of the files: choose another folder with --out")
