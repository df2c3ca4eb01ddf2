"""Which jobs of the view to list, as conditions on its columns. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, get_args

from schemas.jobs import State

# In each state the newest jobs, then the newest of these. The indexes have all columns of the conditions: only the rows of one
# page are read.
LISTED = "SELECT * FROM (SELECT job_id, submitted_s FROM jobs INDEXED BY {index} WHERE {where} {order} LIMIT ?)"
NEWEST = """
SELECT jobs.work_id, jobs.requested, jobs.changed FROM (
    SELECT job_id FROM ({listed}) {order} LIMIT ?
) AS listed CROSS JOIN jobs USING (job_id) ORDER BY jobs.submitted_s DESC, jobs.job_id DESC
"""
ORDER = "ORDER BY submitted_s DESC, job_id DESC"
STATES: tuple[State, ...] = get_args(State)


class Place(NamedTuple):
    """In the list of jobs."""

    submitted_s: float
    job_id: str


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Every field that is set must match. `states`: any of them. `since` and `until`: when it was submitted, from and before.
    `text`: in the name of the file, in any case; or the job is one of `found`, which have it elsewhere."""

    states: tuple[State, ...] = ()
    owner: str | None = None
    model: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    found: tuple[str, ...] = ()

    def query(self, limit: int, after: Place | None) -> tuple[str, list[object]]:
        index = "jobs_listed" if self.owner is None else "jobs_of_owner"
        conditions = [*self._conditions(after)]
        where = " AND ".join(["deleted = 0", "state = ?", *(condition for condition, _ in conditions)])
        listed = LISTED.format(index=index, where=where, order=ORDER)
        states = dict.fromkeys(self.states or STATES)
        values = [value for _, values in conditions for value in values]
        query = NEWEST.format(listed=" UNION ALL ".join([listed] * len(states)), order=ORDER)
        return query, [*(value for state in states for value in (state, *values, limit)), limit]

    def _conditions(self, after: Place | None) -> Iterator[tuple[str, tuple[object, ...]]]:
        for column, value in (("owner", self.owner), ("model", self.model)):
            if value is not None:
                yield f"{column} = ?", (value,)
        if self.since is not None:
            yield "submitted_s >= ?", (self.since.timestamp(),)
        if self.until is not None:
            yield "submitted_s < ?", (self.until.timestamp(),)
        if self.text is not None:
            named = "instr(name, ?) OR job_id IN (SELECT value FROM json_each(?))"
            yield f"({named})", (self.text.casefold(), json.dumps(self.found))
        if after is not None:
            yield "(submitted_s, job_id) < (?, ?)", after
