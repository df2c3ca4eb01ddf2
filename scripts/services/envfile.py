"""Env files: `set -a; . .services/minio.env` gives a shell, and `read` gives a test, the whole system's settings."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from runtime.settings import Settings

PREFIX = "MURMUR_"


def write(file: Path, environment: Mapping[str, str], title: str) -> None:
    """Whole or not at all; readable by its owner only, since it holds a secret key."""
    lines = [f"# {title}", *(f"{name}={shlex.quote(value)}" for name, value in environment.items())]
    fresh = file.with_suffix(".new")
    fresh.write_text("\n".join(lines) + "\n")
    fresh.chmod(0o600)
    fresh.rename(file)


def read(file: Path) -> dict[str, str]:
    found = {}
    for line in file.read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[name] = "".join(shlex.split(value))
    return found


def settings(environment: Mapping[str, str]) -> Settings:
    """The settings of a process with this environment. An empty value is none. Raises ValueError for an unknown name."""
    fields = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items()}
    unknown = fields.keys() - Settings.model_fields.keys()
    if unknown:
        raise ValueError(f"no such settings: {sorted(unknown)}")
    given = {name: value for name, value in fields.items() if value}
    return Settings(_env_file=None, **given)  # type: ignore[arg-type]  # pydantic reads the words
