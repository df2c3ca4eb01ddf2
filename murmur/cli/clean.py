"""`murmur clean`: one search through the store for what has expired, as the retention stage does it."""

from collections.abc import Iterator, Mapping
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from runtime.retention import KindName
    from sinks.retention.sweeper import Figures


def clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be removed")] = False,
) -> None:
    """Remove from the object store what has expired, once, and say what is left.

    The settings MURMUR_RETENTION_… say how long what is kept. Of `murmur run` if a setting of Kafka or the store is set, also
    while it is running; else the data of `murmur dev`, which must be stopped: while it runs, it does this by itself.
    """
    from pathlib import Path

    from murmur.cli import load
    from murmur.cli.doctor import has_cluster
    from murmur.dev import cleaning
    from runtime import logs
    from runtime.resources import from_settings
    from sinks.retention.stage import sweep_once

    settings = load.settings()
    logs.set_up(settings)
    if has_cluster(settings):
        with TemporaryDirectory(prefix="murmur-clean-") as folder:
            found = sweep_once(from_settings(settings), Path(folder), is_dry=dry_run)
    else:
        found = cleaning.sweep_data(settings, is_dry=dry_run)
    for line in lines(found, is_dry=dry_run):
        typer.echo(line)


def lines(found: Mapping["KindName", "Figures"], *, is_dry: bool) -> Iterator[str]:
    """A table, and what the store did not permit. What a dry run would remove is also counted as stored."""
    yield f"{'kind':<14}{'stored':>10}{'bytes':>16}{'to remove' if is_dry else 'removed':>12}{'bytes':>16}"
    for name, each in found.items():
        yield f"{name:<14}{each.stored.files:>10,}{each.stored.size_bytes:>16,}{each.removed_files:>12,}{each.removed_bytes:>16,}"
    if found["versions"].left_files:
        yield "versions: not all could be removed, since the store does not permit it to this access key or protects them"
