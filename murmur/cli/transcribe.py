"""`murmur transcribe FILE...`: local files to text, without a broker or a gateway running elsewhere.

It runs the embedded system for as long as it takes, and uses it over HTTP like any client.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from murmur.cli import options
from runtime.errors import UsageError

if TYPE_CHECKING:
    from runtime.settings import Settings

STAGES = ("gateway", "coordinator", "slicer", "transcriber")
MODEL_S = 600.0  # the longest time that a model may take to load, once it is here
DEFAULT_FORMATS = "txt,srt,vtt,json"
INTERRUPTED, TERMINATED = 130, 143


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="audio or video")],
    out: Annotated[Path | None, typer.Option(help="folder for the results [default: that of each file]")] = None,
    model: Annotated[str | None, typer.Option(help=options.MODEL_HELP)] = None,
    language: options.Language = None,
    task: options.AskedTask = None,
    words: options.Words = False,
    track: options.Track = None,
    formats: Annotated[
        str, typer.Option(help="formats of the results, separated by commas: txt, srt, vtt, tsv, json")
    ] = DEFAULT_FORMATS,
) -> None:
    """Transcribe local files. Results are named like the file without its extension: talk.mp3 gives talk.txt, talk.srt …

    The names of written files go to standard output, progress and errors to standard error. Exits with 1 when any file could
    not be transcribed; the results of the others are written all the same.
    """
    from murmur.cli import load
    from runtime import logs

    names = _formats(formats)
    _check(files, out, names)
    fields = options.fields(language, task, words, track)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with tempfile.TemporaryDirectory(prefix="murmur-", ignore_cleanup_errors=True) as data:
            settings = load.settings(**_own(Path(data), model, files))
            logs.set_up(settings)
            failed = _transcribe(settings, files, fields, out, names)
    except KeyboardInterrupt:
        _leave(INTERRUPTED)
    except SystemExit as end:
        _leave(int(end.code or 0))
    _leave(1 if failed else 0)


def _own(data: Path, model: str | None, files: list[Path]) -> dict[str, object]:
    """Settings that override the environment: no folder of a `murmur dev` may be touched, and files may have any size."""
    largest_bytes = max(path.stat().st_size for path in files)
    return {
        "model": model,
        "data_dir": data,
        "inbox": data / "inbox",
        "outbox": data / "transcripts",
        "gateway_host": "127.0.0.1",
        "gateway_port": 0,
        "max_upload_bytes": max(1, largest_bytes),
        "log_level": "ERROR",
    }


def _transcribe(settings: "Settings", files: list[Path], fields: dict[str, str], out: Path | None, formats: list[str]) -> int:
    """How many files failed."""
    from murmur.cli import download, load
    from murmur.cli.batch import Batch
    from murmur.cli.progress import reporting
    from murmur.dev import Dev
    from murmur.gateway_client import GatewayClient
    from runtime.models import catalogue

    with reporting(sys.stderr) as reporter:
        if names := load.misspelt():
            reporter.note(f"unknown settings, ignored: {names}; `murmur config` lists all names")
        system = Dev(settings, STAGES)
        model = catalogue.of(system.settings)
        options.check_language(fields.get("language"), model)
        download.fetch(model, reporter)
        with system:
            reporter.note(f"loading the model {model.ref.name}")
            system.wait_ready(MODEL_S)
            assert system.address is not None
            with GatewayClient(system.address) as gateway:
                return Batch(gateway, reporter, system.wait, out, formats).run(files, fields)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM cleans up as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise SystemExit(TERMINATED)


def _leave(code: int) -> NoReturn:
    """Exits immediately: threads in a library call must neither keep the process running nor see interpreter shutdown."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _formats(text: str) -> list[str]:
    from runtime.formats import FORMATS

    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    if not names or any(name not in FORMATS for name in names):
        raise UsageError(f"--formats {text!r}: give one or more of {', '.join(FORMATS)}, separated by commas")
    return names


def _check(files: list[Path], out: Path | None, formats: list[str]) -> None:
    """Before any work: every file can be read, every result can be written, and no two would have one name."""
    if missing := [str(path) for path in files if not path.exists()]:
        raise UsageError(f"no such file: {', '.join(missing)}")
    if unreadable := [str(path) for path in files if not path.is_file() or not os.access(path, os.R_OK)]:
        raise UsageError(f"not a readable file: {', '.join(unreadable)}")
    for folder in {out or path.parent for path in files}:
        _check_folder(folder)
    results = [(out or path.parent).resolve() / path.stem for path in files]
    if doubled := {result.name for result in results if results.count(result) > 1}:
        names = ", ".join(f"{name}.{formats[0]}" for name in sorted(doubled))
        raise UsageError(f"several results would be named {names}: transcribe the files separately, each with its own --out")
    inputs = {path.resolve() for path in files}
    if any(result.with_name(f"{result.name}.{name}") in inputs for result in results for name in formats):
        raise UsageError("a result would overwrite one of the files: choose another folder with --out")


def _check_folder(folder: Path) -> None:
    """It may be missing; it is created with the first result."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write results to {folder}: choose another folder with --out")
