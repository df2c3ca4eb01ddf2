"""The list of jobs: the parameters of a request for it, and the cursor that leads to the next page. Pure."""

import base64
from typing import Annotated, get_args

import orjson
from pydantic import BeforeValidator, Field

from producers.gateway.routes import Query
from producers.gateway.view import JobView, Place
from schemas.jobs import State

STATES: tuple[State, ...] = get_args(State)
LIMIT_DEFAULT, LIMIT_MAX = 50, 500


def _upper(text: object) -> object:
    return text.upper() if isinstance(text, str) else text


def _limit(text: object) -> object:
    """Digits alone: a number that Python reads in more ways has one meaning here."""
    if isinstance(text, str):
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValueError("a whole number of at least 1 is expected")
        return min(int(text), LIMIT_MAX)
    return text


def _place(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        submitted_s, job_id = orjson.loads(base64.urlsafe_b64decode(text))
        return float(submitted_s), str(job_id)
    except (ValueError, TypeError):
        raise ValueError("the next_cursor of an earlier response is expected") from None


class ListQuery(Query):
    """Which jobs to list."""

    state: Annotated[State | None, BeforeValidator(_upper)] = Field(None, description="only jobs in this state")
    owner: str | None = Field(None, description="only jobs of this owner")
    limit: Annotated[int, BeforeValidator(_limit)] = Field(
        LIMIT_DEFAULT, ge=1, description=f"how many at most; more than {LIMIT_MAX} count as {LIMIT_MAX}"
    )
    cursor: Annotated[Place | None, BeforeValidator(_place, json_schema_input_type=str)] = Field(
        None, description="`next_cursor` of an earlier response: the jobs that follow"
    )


def cursor(jobs: list[JobView], page: ListQuery) -> str | None:
    """Of what follows these jobs; None at the end of the list."""
    if len(jobs) < page.limit:
        return None
    return base64.urlsafe_b64encode(orjson.dumps(jobs[-1].place)).decode()
