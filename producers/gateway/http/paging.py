"""Parameters that lists have in common: times, how many rows, and the cursor that leads to the next page. Pure."""

import base64
import re
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Annotated

import orjson
from pydantic import AfterValidator, BeforeValidator, Field

LIMIT_DEFAULT, LIMIT_MAX = 50, 500
DIGITS_MAX = 9


def _time(text: object) -> object:
    """Seconds since 1970 in any spelling of a number. A `+` that a client did not encode has become a blank."""
    if not isinstance(text, str):
        return text
    with suppress(ValueError):
        return float(text)
    return re.sub(r" (?=\d\d:?\d\d$)", "+", text)


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _limit(text: object) -> object:
    """Digits alone: a number that Python reads in more ways has one meaning here."""
    if isinstance(text, str):
        if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
            raise ValueError("a whole number of at least 1 is expected")
        return min(int(text), LIMIT_MAX)
    return text


def _place(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        at_s, name = orjson.loads(base64.urlsafe_b64decode(text))
        return float(at_s), str(name)
    except (ValueError, TypeError):
        raise ValueError("the next_cursor of an earlier response is expected") from None


Seconds = Annotated[float, Field(ge=-62_135_596_800_000, lt=253_402_300_800_000)]  # large ones are milliseconds
Time = Annotated[datetime, BeforeValidator(_time, json_schema_input_type=datetime | date | Seconds), AfterValidator(_utc)]
Limit = Annotated[int, BeforeValidator(_limit)]
IsCursor = BeforeValidator(_place, json_schema_input_type=str)
Cursor = Annotated[tuple[float, str] | None, IsCursor]
LIMIT_SCHEMA = {"maximum": 10**DIGITS_MAX - 1}
LIMIT_TEXT = f"how many at most; more than {LIMIT_MAX} count as {LIMIT_MAX}"


def cursor(at_s: float, name: str) -> str:
    """Of the row at this place: what follows it."""
    return base64.urlsafe_b64encode(orjson.dumps([at_s, name])).decode()
