"""Which attempts of the delivery log to list, as conditions on its columns. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from schemas.webhooks import DeliveryState

NEWEST = """
SELECT webhook_attempts.record FROM (
    SELECT attempt_id FROM webhook_attempts INDEXED BY webhook_attempts_listed WHERE {where}
    ORDER BY attempted_s DESC, attempt_id DESC LIMIT ?
) AS listed CROSS JOIN webhook_attempts USING (attempt_id)
ORDER BY webhook_attempts.attempted_s DESC, webhook_attempts.attempt_id DESC
"""  # the index has all columns of the conditions: only the rows of one page are read
OF_THE_JOB = "job"  # a recipient that is no endpoint
AttemptPlace = tuple[float, str]  # in the delivery log: when it was, and its id


@dataclass(frozen=True, slots=True)
class AttemptFilter:
    """Every field that is set must match. `recipient`: an endpoint's id, or `job`. `since` and `until`: of the attempt, from and
    before."""

    owner: str | None = None
    recipient: str | None = None
    job_id: str | None = None
    type: str | None = None
    state: DeliveryState | None = None
    since: datetime | None = None
    until: datetime | None = None

    def query(self, limit: int, after: AttemptPlace | None) -> tuple[str, list[object]]:
        conditions = [*self._conditions(after)]
        where = " AND ".join(condition for condition, _ in conditions) or "1"
        return NEWEST.format(where=where), [*(value for _, values in conditions for value in values), limit]

    def _conditions(self, after: AttemptPlace | None) -> Iterator[tuple[str, tuple[object, ...]]]:
        for column in ("owner", "recipient", "job_id", "type", "state"):
            if (value := getattr(self, column)) is not None:
                yield f"{column} = ?", (value,)
        if self.since is not None:
            yield "attempted_s >= ?", (self.since.timestamp(),)
        if self.until is not None:
            yield "attempted_s < ?", (self.until.timestamp(),)
        if after is not None:
            yield "(attempted_s, attempt_id) < (?, ?)", after
