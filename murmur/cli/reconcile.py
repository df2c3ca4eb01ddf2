"""`murmur reconcile --since`: one comparison of the uploads bucket, further back than the reconciler stage looks."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from runtime.errors import UsageError

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def reconcile(
    since: Annotated[str, typer.Option(help="how far back: a number with m, h, d or w, such as 30d")] = "7d",
) -> None:
    """Publish an upload event for every object in the uploads bucket that has no job yet, then exit.

    Safe while the reconciler stage is running.
    """
    from murmur.cli import load
    from producers.reconciler import reconcile_once
    from runtime import logs
    from runtime.resources import from_settings

    lookback = duration(since)
    settings = load.settings()
    logs.set_up(settings)
    typer.echo(f"announced {reconcile_once(from_settings(settings), lookback)}")


def duration(text: str, option: str = "--since") -> timedelta:
    """Raises UsageError."""
    found = re.fullmatch(r"(\d{1,5})([mhdw])", text.strip().lower())
    if not found:
        raise UsageError(f"{option} {text}: a number with m, h, d or w, such as 36h, 30d or 8w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
