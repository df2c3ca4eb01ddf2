"""The `murmur` command: groups the commands, and prints errors that the user can fix as one line."""

import io
import sys
from typing import Annotated

import typer

from murmur.cli import admin, clean, config, dev, dlq, doctor, jobs, keys, reconcile, run, tail, transcribe, tune, webhooks
from murmur.cli.panels import PanelCommand
from runtime.errors import MurmurError, UsageError

EXIT_CODES = """
Exit codes: 0 success; 1 failure (one line on stderr says why); 2 wrong usage or configuration (the line says how to fix
it); 130 interrupted.
"""

app = typer.Typer(
    name="murmur",
    help="Event-driven speech-to-text on Kafka. Start with `murmur dev`: the whole system in one process.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


@app.callback()
def _murmur(
    _version: Annotated[
        bool, typer.Option("--version", callback=config.print_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    """The help of the app is in its constructor."""


for _name, _command, _example in (
    ("dev", dev.dev, "murmur dev --inbox ~/recordings --model small"),
    ("transcribe", transcribe.transcribe, "murmur transcribe talk.mp4 --formats txt,srt --out ~/transcripts"),
    ("tune", tune.tune, "murmur tune --audio ~/recordings --model small"),
    ("submit", jobs.submit, "murmur submit talk.mp4 --language pt"),
    ("jobs", jobs.jobs, "murmur jobs --state FAILURE"),
    ("status", jobs.status, "murmur status 0b0c7d3e-5a0e-4f3c-9a54-0d1d2c3b4a59 --json"),
    ("watch", jobs.watch, "murmur watch $(murmur submit talk.mp4)"),
    ("cancel", jobs.cancel, "murmur cancel 0b0c7d3e-5a0e-4f3c-9a54-0d1d2c3b4a59"),
    ("retry", jobs.retry, "murmur retry $(murmur jobs --state FAILURE --quiet)"),
    ("delete", jobs.delete, "murmur delete 0b0c7d3e-5a0e-4f3c-9a54-0d1d2c3b4a59"),
    ("result", jobs.result, "murmur result 0b0c7d3e-5a0e-4f3c-9a54-0d1d2c3b4a59 --format srt > talk.srt"),
    ("tail", tail.tail, "murmur tail --since 2h --language pt"),
    ("run", run.run, "murmur run slicer transcriber"),
    ("reconcile", reconcile.reconcile, "murmur reconcile --since 30d"),
    ("clean", clean.clean, "murmur clean --dry-run"),
    ("doctor", doctor.doctor, "murmur doctor"),
    ("config", config.config, "murmur config --json"),
    ("version", config.version, "murmur version"),
):
    app.command(_name, cls=PanelCommand, epilog=f"Example: {_example}")(_command)
app.add_typer(admin.topics, name="topics")
app.add_typer(admin.buckets, name="buckets")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(dlq.app, name="dlq")
app.add_typer(keys.keys, name="keys")


def main() -> None:
    """The entry point. Exit code 2 for UsageError and wrong options, 1 for other MurmurErrors and OSError, 130 for Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files are printed byte for byte, also those that are not UTF-8
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        app()
    except MurmurError as error:
        print(f"murmur: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except OSError as error:  # no permission, a full disk: the user can fix it, and the line names the file
        print(f"murmur: {error}", file=sys.stderr)
        sys.exit(1)
