"""Settings for a command: values of the command line override environment, `.env` and defaults."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from runtime.client_settings import ClientSettings
from runtime.errors import UsageError

if TYPE_CHECKING:
    from runtime.settings import Settings

Kind = TypeVar("Kind", bound=ClientSettings)


def settings(**options: object) -> "Settings":
    """`options`: values of the command line; None means not given. Raises UsageError that names every invalid setting."""
    from runtime.settings import Settings

    return _read(Settings, options)


def client_settings(**options: object) -> ClientSettings:
    """As `settings()`, of those alone that a command for a running gateway needs."""
    return _read(ClientSettings, options)


def _read(kind: type[Kind], options: Mapping[str, object]) -> Kind:
    try:
        return kind(**{name: value for name, value in options.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(f"{_variable(e['loc'][0])}: {e['msg']}" for e in error.errors(include_url=False))
        raise UsageError(f"invalid settings: {problems}. Fix them on the command line, in the environment or in .env") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file .env cannot be read ({error}): fix it or remove it") from error


def warn_of_misspelt() -> None:
    """One line if names are set that are not settings: they are ignored, and the defaults of the intended ones are used."""
    from runtime.logs import get_logger  # structlog takes longer to import than most commands need in all

    if names := misspelt():
        hint = "these are not settings; `murmur config` lists all names"
        get_logger(__name__).warning("settings.ignored", names=names, hint=hint)


def _variable(place: int | str) -> str:
    """Of a field, or of a variable that sets one."""
    return f"MURMUR_{str(place).upper().removeprefix('MURMUR_')}"


def misspelt() -> str | None:
    """The names that are set but are not settings, each with the one that was probably intended; None if there are none."""
    from runtime.settings import Settings, unknown_names

    known = [f"MURMUR_{field}".upper() for field in Settings.model_fields]
    return ", ".join(_with_suggestion(name, known) for name in unknown_names()) or None


def _with_suggestion(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"{name} (did you mean {near[0]}?)" if near else name
