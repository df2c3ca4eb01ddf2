"""Settings for a command: what the command line says stands above environment, `.env` and defaults."""

import logging
from collections.abc import Callable
from difflib import get_close_matches

from pydantic import ValidationError

from runtime.errors import UsageError
from runtime.settings import Settings, unknown_names

log = logging.getLogger(__name__)


def settings(**said: object) -> Settings:
    """`said`: values of the command line; None means not said. Raises UsageError that names every bad setting."""
    try:
        return Settings(**{name: value for name, value in said.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(f"MURMUR_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_url=False))
        raise UsageError(f"wrong settings: {problems}. Fix them on the command line, in the environment or in .env") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file .env cannot be read ({error}): fix it or remove it") from error


def warn_of_misspelt(warn: Callable[[str], None] = log.warning) -> None:
    """One line where a name that is set is no setting: it is ignored, and the default of the one that was meant is used."""
    if names := misspelt():
        warn(f"no setting, and ignored: {names}; `murmur config` lists all names")


def misspelt() -> str | None:
    """The names that are set and are no setting, each with the one that was probably meant; None where there are none."""
    known = [f"MURMUR_{field}".upper() for field in Settings.model_fields]
    return ", ".join(_with_the_meant(name, known) for name in unknown_names()) or None


def _with_the_meant(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"{name} (meant: {near[0]}?)" if near else name
