"""Settings for a command: what the command line says stands above environment, `.env` and defaults."""

from pydantic import ValidationError

from murmur.errors import UsageError
from murmur.settings import Settings


def settings(**said: object) -> Settings:
    """`said`: values of the command line; None means not said. Raises UsageError that names every bad setting."""
    try:
        return Settings(**{name: value for name, value in said.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(f"MURMUR_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_url=False))
        raise UsageError(f"wrong settings: {problems}. Mend them on the command line, in the environment or in .env") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file .env cannot be read ({error}): mend it or take it away") from error
