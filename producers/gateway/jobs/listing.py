"""The list of jobs: the parameters of a request for it, and the cursor that leads to the next page. Pure."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from producers.gateway.http import paging
from producers.gateway.http.paging import LIMIT_DEFAULT, LIMIT_SCHEMA, LIMIT_TEXT, IsCursor, Limit, Time
from producers.gateway.http.routes import Query
from producers.gateway.view.job_filter import JobFilter, Place
from producers.gateway.view.job_view import JobView
from schemas.jobs import State


def _states(texts: object) -> object:
    """Each may be several, separated by commas."""
    if not isinstance(texts, list):
        return texts
    return [state.strip().upper() for text in texts for state in str(text).split(",")]


class ListQuery(Query):
    """Which jobs to list: those that match all parameters."""

    state: Annotated[tuple[State, ...], BeforeValidator(_states)] = Field(
        (), description="only jobs in this state; several: repeated, or separated by commas"
    )
    owner: str | None = Field(None, description="only jobs of this owner")
    model: str | None = Field(None, description="only jobs with the model of this name")
    since: Time | None = Field(None, description="only jobs that were submitted at this time or later; without a zone: UTC")
    until: Time | None = Field(None, description="only jobs that were submitted before this time")
    text: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="only jobs whose file has this text in its name, or in one that a reader gave it, or whose transcript has "
        "all its words: each as the beginning of a word, what is in quotation marks word for word",
    )
    limit: Limit = Field(LIMIT_DEFAULT, ge=1, description=LIMIT_TEXT, json_schema_extra={**LIMIT_SCHEMA})
    cursor: Annotated[Place | None, IsCursor] = Field(
        None, description="`next_cursor` of an earlier response: the jobs that follow"
    )

    @property
    def which(self) -> JobFilter:
        return JobFilter(self.state, self.owner, self.model, self.since, self.until, self.text)


def cursor(jobs: list[JobView], page: ListQuery) -> str | None:
    """Of what follows these jobs; None at the end of the list."""
    if len(jobs) < page.limit:
        return None
    return paging.cursor(*jobs[-1].place)
