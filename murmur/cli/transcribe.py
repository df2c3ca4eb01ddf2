"""`murmur transcribe FILE...`: local files to text, without a broker or a gateway running elsewhere.

It runs the embedded system for as long as it takes, and uses it over HTTP like any client. Everything that can be refused is
refused first: `sources` finds the files, `results` their results.
"""

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from murmur.cli import options
from runtime.errors import UsageError

if TYPE_CHECKING:
    from murmur.cli.plan import Plan
    from murmur.cli.results import Results
    from runtime.settings import Settings

STAGES = ("gateway", "coordinator", "slicer", "transcriber", "corrector")
MODEL_S = 600.0  # the longest time that a model may take to load, once it is here
DEFAULT_FORMATS = "txt,srt,vtt,json"
INTERRUPTED, TERMINATED = 130, 143


@options.with_options
def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="audio or video; folders; `-`: standard input")],
    out: Annotated[Path | None, typer.Option(help="folder for the results [default: that of each file]")] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="include the subfolders of folders")] = False,
    force: Annotated[bool, typer.Option("--force", help="overwrite existing files that are not earlier results")] = False,
    model: Annotated[str | None, typer.Option(help=options.MODEL_HELP)] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            help="formats of the results, separated by commas: txt, srt, vtt, tsv, json, verbose_json, words "
            f"[default: {DEFAULT_FORMATS}; on standard output: txt]"
        ),
    ] = None,
    *,
    fields: dict[str, str],
) -> None:
    """Transcribe local files. Results are named like the file without its extension: talk.mp3 gives talk.txt, talk.srt …

    The names of written files go to standard output, progress and errors to standard error. Exits with 1 when any file could
    not be transcribed; the results of the others are written all the same. The transcript of standard input goes to standard
    output, or with --out to stdin.txt, stdin.srt …

    Of a folder, every file is taken except hidden files, symbolic links and transcripts; files that are not audio or video are
    skipped. With --out, results of subfolders go to subfolders.

    An existing file is overwritten without asking only with --force, or if it is an unchanged earlier result: its
    content is what murmur last wrote at that path, as recorded in the user's state folder. Otherwise the command asks;
    without a terminal it does not transcribe that file.

    What the options below leave out is taken from the settings; `murmur config` prints them.
    """
    from murmur.cli.plan import Plan
    from murmur.cli.results import Results, Written
    from murmur.cli.sources import Sources
    from murmur.cli.working_folders import working_folder

    names = _formats(formats or ("txt" if out is None and files == [options.STDIN] else DEFAULT_FORMATS))
    if "words" in names:  # a file of words needs their times
        fields = {**fields, "words": "true"}
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with working_folder() as data, Written(_record()) as written:
            results = Results(written, names, force)
            plan = Plan(results, _ask if _can_ask(files) else None)
            stdin = data / "stdin"
            plan.add(Sources(out, recursive, stdin, plan.refuse).find(files))
            failed = _transcribe(plan, results, fields, _settings(data, model, plan, stdin)) + len(plan.problems)
            if written.error is not None:
                typer.echo(f"the results cannot be recorded, so a later run will not recognise them: {written.error}", err=True)
    except KeyboardInterrupt:
        _leave(INTERRUPTED)
    except SystemExit as end:
        _leave(int(end.code or 0))
    _leave(1 if failed else 0)


def _settings(data: Path, model: str | None, plan: "Plan", stdin: Path) -> "Settings":
    """Override the environment: no folder of a `murmur dev` may be touched, files may have any size, and no key is needed."""
    from murmur.cli import load
    from runtime import logs

    if any(source.path == stdin for source in plan.sources):
        with stdin.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    settings = load.settings(
        model=model,
        data_dir=data,
        inbox=data / "inbox",
        outbox=data / "transcripts",
        gateway_host="127.0.0.1",
        gateway_port=0,
        dev_kafka_port=0,
        max_upload_bytes=max(1, *(source.size_bytes for source in plan.sources)),
        log_level="ERROR",
    ).model_copy(update={"api_keys": None, "api_keys_file": None, "no_auth": False, "cors_origins": ""})
    logs.set_up(settings)
    return settings


def _transcribe(plan: "Plan", results: "Results", fields: dict[str, str], settings: "Settings") -> int:
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
        for path, reason in plan.problems:
            reporter.failed(path, reason)
        download.fetch(model, reporter)
        with system:
            reporter.note(f"loading the model {model.ref.name}")
            system.wait_ready(MODEL_S)
            assert system.address is not None
            with GatewayClient(system.address) as gateway:
                return Batch(gateway, reporter, system.wait, results).run(plan.sources, fields)


def _record() -> Path:
    from platformdirs import user_state_path

    return user_state_path("murmur") / "results.sqlite"


def _can_ask(files: Sequence[Path]) -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() and options.STDIN not in files


def _ask(paths: Sequence[Path]) -> bool:
    from murmur.cli.progress import printable

    listed = "\n".join(f"  {printable(path)}" for path in paths)
    try:
        return typer.confirm(f"Not an earlier result, or changed since:\n{listed}\nOverwrite?", err=True)
    except typer.Abort:  # Ctrl-C, or the terminal is closed
        raise KeyboardInterrupt from None


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
