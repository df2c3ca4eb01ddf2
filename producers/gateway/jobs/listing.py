"""The list of jobs: the parameters of a request for it, and the cursor that leads to the next page. Pure."""

import base64
import re
from datetime import UTC, datetime
from typing import Annotated, get_args

import orjson
from pydantic import AfterValidator, BeforeValidator, Field

from producers.gateway.http.routes import Query
from producers.gateway.view.job_filter import JobFilter, Place
from producers.gateway.view.job_view import JobView
from schemas.jobs import State

STATES: tuple[State, ...] = get_args(State)
LIMIT_DEFAULT, LIMIT_MAX = 50, 500
DIGITS_MAX = 9


def _states(texts: object) -> object:
    """Each may be several, separated by commas."""
    if not isinstance(texts, list):
        return texts
    return [state.strip().upper() for text in texts for state in str(text).split(",")]


def _time(text: object) -> object:
    """A `+` that a client did not encode has become a blank."""
    return re.sub(r" (?=\d\d:?\d\d$)", "+", text) if isinstance(text, str) else text


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


Time = Annotated[datetime, BeforeValidator(_time), AfterValidator(_utc)]


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
        submitted_s, job_id = orjson.loads(base64.urlsafe_b64decode(text))
        return Place(float(submitted_s), str(job_id))
    except (ValueError, TypeError):
        raise ValueError("the next_cursor of an earlier response is expected") from None


class ListQuery(Query):
    """Which jobs to list: those that match all parameters."""

    state: Annotated[tuple[State, ...], BeforeValidator(_states)] = Field(
        (), description="only jobs in this state; several: repeated, or separated by commas"
    )
    owner: str | None = Field(None, description="only jobs of this owner")
    model: str | None = Field(None, description="only jobs with the model of this name")
    since: Time | None = Field(None, description="only jobs that were submitted at this time or later; without a zone: UTC")
    until: Time | None = Field(None, description="only jobs that were submitted before this time")
    text: str | None = Field(None, min_length=1, max_length=200, description="only jobs whose file name has this text")
    limit: Annotated[int, BeforeValidator(_limit)] = Field(
        LIMIT_DEFAULT,
        ge=1,
        description=f"how many at most; more than {LIMIT_MAX} count as {LIMIT_MAX}",
        json_schema_extra={"maximum": 10**DIGITS_MAX - 1},
    )
    cursor: Annotated[Place | None, BeforeValidator(_place, json_schema_input_type=str)] = Field(
        None, description="`next_cursor` of an earlier response: the jobs that follow"
    )

    @property
    def which(self) -> JobFilter:
        return JobFilter(self.state, self.owner, self.model, self.since, self.until, self.text)


def cursor(jobs: list[JobView], page: ListQuery) -> str | None:
    """Of what follows these jobs; None at the end of the list."""
    if len(jobs) < page.limit:
        return None
    return base64.urlsafe_b64encode(orjson.dumps([*jobs[-1].place])).decode()
