"""`murmur topics apply` and `murmur buckets apply`: create what `murmur run` needs in the cluster and the store."""

import typer

topics = typer.Typer(no_args_is_help=True, help="Create the Kafka topics.", rich_markup_mode=None)
buckets = typer.Typer(no_args_is_help=True, help="Create buckets, notification and lifecycle rules.", rich_markup_mode=None)


@topics.callback()
def _topics() -> None:
    """Keeps `apply` a command of its own, though it is the only one."""


@buckets.callback()
def _buckets() -> None:
    """Keeps `apply` a command of its own, though it is the only one."""


@topics.command("apply", epilog="Example: murmur topics apply")
def topics_apply() -> None:
    """Create missing topics and report differences. Never removes topics or partitions; safe to repeat."""
    from murmur.cli import load
    from runtime.kafka import topics as admin
    from runtime.kafka.client import Kafka

    settings = load.settings()
    for line in admin.apply(Kafka.from_settings(settings), settings).lines():
        typer.echo(line)


@buckets.command("apply", epilog="Example: murmur buckets apply")
def buckets_apply() -> None:
    """Create the buckets, attach the notification of the uploads bucket and set lifecycle rules, where the store has these.

    Notifications and rules of others are kept. Safe to repeat.
    """
    from murmur.cli import load
    from runtime.objects import buckets as admin
    from runtime.objects import lifecycle
    from runtime.retention import lifecycle_rules

    settings = load.settings()
    for line in admin.apply(settings).lines():
        typer.echo(line)
    for line in lifecycle.apply(settings, lifecycle_rules(settings)):
        typer.echo(line)
