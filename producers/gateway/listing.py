"""The list of jobs: what a request for it says, and the cursor that leads to the next page. Pure."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from producers.gateway.form import malformed
from producers.gateway.view import JobView, Place
from schemas.jobs import State

STATES: tuple[State, ...] = ("PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED")
PARAMETERS = ("state", "owner", "limit", "cursor")
LIMIT_DEFAULT, LIMIT_MAX = 50, 500


@dataclass(frozen=True, slots=True)
class Page:
    """`after`: the place of the last job of the page before."""

    limit: int
    state: State | None
    owner: str | None
    after: Place | None


def parse_page(query: Mapping[str, str]) -> Page:
    """Raises Problem 400."""
    return Page(_limit(query.get("limit")), _state(query.get("state")), query.get("owner"), _after(query.get("cursor")))


def cursor(jobs: list[JobView], page: Page) -> str | None:
    """Of what follows these jobs; None at the end of the list."""
    if len(jobs) < page.limit:
        return None
    return base64.urlsafe_b64encode(orjson.dumps(jobs[-1].place)).decode()


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1):
        raise malformed("The limit must be a whole number of at least 1.")
    return min(int(text), LIMIT_MAX)


def _state(text: str | None) -> State | None:
    if text is None:
        return None
    for state in STATES:
        if state == text.upper():
            return state
    raise malformed(f"The state must be one of {', '.join(STATES)}.")


def _after(text: str | None) -> Place | None:
    if text is None:
        return None
    try:
        submitted_s, job_id = orjson.loads(base64.urlsafe_b64decode(text))
        return float(submitted_s), str(job_id)
    except (ValueError, TypeError):
        raise malformed("The cursor must be the next_cursor of an earlier response.") from None
