"""The `murmur` command itself: groups the commands, and turns errors that a person can mend into one clear line."""

import sys

import click
import typer

from murmur.cli import admin, config, dev, dlq, doctor, jobs, reconcile, run, transcribe
from murmur.errors import MurmurError

EXIT_CODES = """
Exit codes: 0 done; 1 it could not be done (one line on stderr says why); 2 wrong use or set-up (the line says how to mend
it); 130 interrupted.
"""

app = typer.Typer(
    name="murmur",
    help="Event-driven speech-to-text on Kafka. Start with `murmur dev`: the whole system in one process.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("dev")(dev.dev)
app.command("transcribe")(transcribe.transcribe)
app.command("submit")(jobs.submit)
app.command("status")(jobs.status)
app.command("watch")(jobs.watch)
app.command("cancel")(jobs.cancel)
app.command("result")(jobs.result)
app.command("run")(run.run)
app.add_typer(admin.topics, name="topics")
app.add_typer(admin.buckets, name="buckets")
app.add_typer(dlq.app, name="dlq")
app.command("reconcile")(reconcile.reconcile)
app.command("doctor")(doctor.doctor)
app.command("config")(config.config)
app.command("version")(config.version)


def main() -> None:
    """The entry point. UsageError and wrong options exit with 2, other MurmurErrors with 1, Ctrl-C with 130."""
    try:
        code = app(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = 130
    except KeyboardInterrupt:
        code = 130
    except MurmurError as error:
        print(f"murmur: {error}", file=sys.stderr)
        code = exit_code(error)
    sys.exit(code)


def exit_code(error: MurmurError) -> int:
    from murmur.errors import UsageError

    return 2 if isinstance(error, UsageError) else 1
