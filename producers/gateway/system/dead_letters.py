"""Dead letters: `/api/dead-letters` lists, shows, replays and drops them, for administrators.

The list is read from the view; what replays and drops is `runtime/kafka/settling.py`, as in `murmur dlq`.
"""

import asyncio
import threading
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from producers.gateway.documents.dead_letters import DeadLetterDetails, DeadLetterList, DeadLettersSettled
from producers.gateway.http import paging
from producers.gateway.http.paging import LIMIT_DEFAULT, LIMIT_SCHEMA, LIMIT_TEXT, IsCursor, Limit, Time
from producers.gateway.http.problems import Problem, check_names
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Body, Handler, Query, Route, query_of
from producers.gateway.submission.json_body import read_object
from producers.gateway.view.letter_book import LetterFilter, LetterPlace, LetterState, state_of
from producers.gateway.view.view import View
from runtime.errors import KafkaFault
from runtime.kafka import settling
from runtime.kafka.deadletters import Selection
from runtime.objects import NotFound, large_letters
from runtime.resources import Resources
from schemas.deadletter import DeadLetter, Outcome

PATH = "/api/dead-letters"
SHOWN_BYTES = 64 * 1024  # of a value; the rest of it is printed by `murmur dlq show`
IDS_MAX = 1000


class LetterQuery(Query):
    """Which dead letters to list: those that match all parameters."""

    state: LetterState = Field("waiting", description="those that wait, or what became of the others")
    stage: str | None = Field(None, description="only those of this stage")
    topic: str | None = Field(None, description="only those from this topic, named without the prefix")
    reason: str | None = Field(None, description="only those with this reason")
    since: Time | None = Field(None, description="only those from this time on; without a zone: UTC")
    until: Time | None = Field(None, description="only those before this time")
    limit: Limit = Field(LIMIT_DEFAULT, ge=1, description=LIMIT_TEXT, json_schema_extra={**LIMIT_SCHEMA})
    cursor: Annotated[LetterPlace | None, IsCursor] = Field(
        None, description="`next_cursor` of an earlier response: the letters that follow"
    )

    @property
    def which(self) -> LetterFilter:
        return LetterFilter(self.state, self.stage, self.topic, self.reason, self.since, self.until)


class LetterSelection(BaseModel):
    """Which letters to replay or to drop: those that match everything that is given. Without any condition `all` must be true."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: tuple[str, ...] = Field((), max_length=IDS_MAX)
    stage: str | None = None
    topic: str | None = None
    reason: str | None = None
    since: Time | None = None
    until: Time | None = None
    all: StrictBool = Field(False, description="all that wait")
    dry_run: StrictBool = Field(False, description="only say which ones these are")

    @property
    def which(self) -> Selection:
        return Selection(frozenset(self.ids), self.stage, self.topic, self.reason, self.since, self.until)


class DeadLetters:
    def __init__(self, resources: Resources, view: View) -> None:
        self._resources = resources
        self._view = view
        self._settling = threading.Lock()  # one at a time: each would end what the one before has begun

    def routes(self) -> list[Route]:
        listed, shown = {200: DeadLetterList}, {200: DeadLetterDetails}
        return [
            Route("GET", PATH, self.list, "Dead letters", "system", query=LetterQuery, responses=listed, access="admin"),
            Route(
                "GET",
                f"{PATH}/by-id/{{letter_id}}",
                self.show,
                "A dead letter with its record",
                "system",
                responses=shown,
                problems=("unknown_letter",),
                access="admin",
            ),
            _settling_route("replay", self.replay, "Write dead letters to their topics again"),
            _settling_route("drop", self.drop, "Give dead letters up"),
        ]

    async def list(self, request: web.Request) -> web.Response:
        query = query_of(request, LetterQuery)
        return json_response(await asyncio.to_thread(self._listed, query))

    def _listed(self, query: LetterQuery) -> dict[str, Any]:
        found = self._view.letters.newest(query.limit, query.which, query.cursor)
        last = LetterPlace(found[-1].died_at.timestamp(), found[-1].subject) if len(found) == query.limit else None
        return {
            "dead_letters": [_row(dead) for dead in found],
            "waiting": self._view.letters.waiting(),
            "next_cursor": paging.cursor(*last) if last is not None else None,
        }

    async def show(self, request: web.Request) -> web.Response:
        letter_id = request.match_info["letter_id"]
        dead = await asyncio.to_thread(self._view.letters.get, letter_id)
        if dead is None:
            raise _unknown([letter_id])
        return json_response(_details(dead))

    async def replay(self, request: web.Request) -> web.Response:
        return await self._settle(request, "replayed")

    async def drop(self, request: web.Request) -> web.Response:
        return await self._settle(request, "dropped")

    async def _settle(self, request: web.Request, outcome: Outcome) -> web.Response:
        """Goes on to its end if the client disconnects."""
        selection = _selection(await read_object(request))
        settled = await asyncio.to_thread(self._settled, selection, outcome)
        if missing := selection.which.ids - settled.ids:
            raise _unknown(sorted(missing))
        return json_response(
            {
                "success": True,
                "outcome": outcome,
                "dry_run": selection.dry_run,
                "count": len(settled.now),
                "ids": [dead.subject for dead in settled.now[:IDS_MAX]],
                "settled_before": [dead.subject for dead in settled.before] if selection.ids else [],
            }
        )

    def _settled(self, selection: LetterSelection, outcome: Outcome) -> settling.Settled:
        """Blocks. Raises Problem and Retry."""
        kafka, objects = self._resources.kafka, self._resources.objects
        preview = settling.preview(kafka, selection.which)
        if selection.dry_run or selection.which.ids - preview.ids or not preview.now:
            return preview
        try:
            with self._settling:
                settled = settling.settle(kafka, selection.which, outcome, lambda dead: large_letters.value(objects, dead))
        except NotFound as error:
            raise Problem(410, "gone", f"The value of a dead letter is no longer in the store: {error}.") from error
        except KafkaFault as error:
            raise Problem(503, "unavailable", f"The broker refuses what was to be written: {error}.", after_s=1.0) from error
        large_letters.discard(objects, settled.now)
        return settled


def _settling_route(name: str, handler: Handler, summary: str) -> Route:
    return Route(
        "POST",
        f"{PATH}/{name}",
        handler,
        summary,
        "system",
        body=Body(LetterSelection),
        responses={200: DeadLettersSettled},
        problems=("bad_request", "bad_option", "unknown_field", "unknown_letter", "gone", "too_large", "unsupported_encoding"),
        access="admin",
    )


def _selection(body: dict[str, Any]) -> LetterSelection:
    """Raises Problem 400."""
    check_names("field", body, tuple(LetterSelection.model_fields))
    try:
        selection = LetterSelection.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        detail = f"The field {field!r} is wrong: {first['msg'][0].lower()}{first['msg'][1:]}."
        raise Problem(400, "bad_option", detail, field=field) from error
    if selection.which == Selection() and not selection.all:
        raise Problem(400, "bad_option", "Name the dead letters: `ids`, another condition, or `all`.", field="ids")
    return selection


def _unknown(letter_ids: list[str]) -> Problem:
    shown = ", ".join(letter_id[:80] for letter_id in letter_ids[:10])
    return Problem(404, "unknown_letter", f"There is no dead letter {shown}.")


def _row(dead: DeadLetter) -> dict[str, Any]:
    names = ("topic", "partition", "offset", "stage", "reason", "message", "died_at")
    return {
        "id": dead.subject,
        "state": state_of(dead),
        **{name: getattr(dead, name) for name in names},
        "settled_at": dead.settled.at if dead.settled is not None else None,
    }


def _details(dead: DeadLetter) -> dict[str, Any]:
    value = dead.unwrap(dead.value)
    return {
        **_row(dead),
        "key": dead.key,
        "headers": [{"name": name, "value": content} for name, content in dead.headers],
        "value": dead.wrap(value[:SHOWN_BYTES]) if value is not None else None,
        "value_bytes": dead.value_at.size_bytes if dead.value_at is not None else len(value) if value is not None else None,
    }
