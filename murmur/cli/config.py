"""`murmur config` and `murmur version`."""

import platform
from typing import Annotated

import typer


def config(json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False) -> None:
    """Print every setting with its effective value; secrets and passwords in URLs are masked. Settings come from the
    environment variables MURMUR_… and
    ./.env."""
    from murmur.cli import load
    from runtime.masking import masked
    from runtime.settings import Settings

    settings = load.settings()
    dumped = settings.model_dump(mode="json")
    values = {name: masked(value) if isinstance(value, str) else value for name, value in dumped.items()}
    if json:
        import orjson

        typer.echo(orjson.dumps(values, option=orjson.OPT_INDENT_2))
        return
    for name, value in values.items():
        mark = " " if getattr(settings, name) == Settings.model_fields[name].default else "*"
        typer.echo(f"{mark} MURMUR_{name.upper()}={'' if value is None else value}")
    typer.echo("\n* differs from the default")


def print_version(is_wanted: bool) -> None:
    """`murmur --version`: one line, and nothing else is done."""
    from importlib.metadata import version as installed

    if is_wanted:
        typer.echo(f"murmur {installed('murmur')}")
        raise typer.Exit


def version() -> None:
    """Print the versions of murmur and its main dependencies. `murmur --version` prints the first line."""
    from importlib.metadata import version as installed

    typer.echo(f"murmur {installed('murmur')}")
    for package in ("confluent-kafka", "faster-whisper", "ctranslate2", "av"):
        typer.echo(f"  {package} {installed(package)}")
    typer.echo(f"  python {platform.python_version()} on {platform.system()} {platform.machine()}")
