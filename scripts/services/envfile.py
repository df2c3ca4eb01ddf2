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
    """The settings of a process with this environment. Raises ValueError for a name that is no setting."""
    fields = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items()}
    unknown = fields.keys() - Settings.model_fields.keys()
    if unknown:
        raise ValueError(f"no such settings: {sorted(unknown)}")
    return Settings(_env_file=None, **fields)  # type: ignore[arg-type]  # pydantic reads the words
