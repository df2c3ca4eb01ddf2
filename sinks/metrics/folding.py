"""Bounds the size of a snapshot: all owners except the busiest are combined into one. Pure.

Fed with the totals of a partition; feeds the records of `stats`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from schemas.stats import WindowName
from sinks.metrics.windows import Kind, Totals

OWNERS_MAX = 100  # with three windows, four states and a few models a record stays far below the broker's limit of 1 MB
OTHERS = "(others)"
Row = tuple[WindowName, Kind, Totals]


def folded(rows: Iterable[Row], owners_max: int = OWNERS_MAX) -> Iterator[Row]:
    """The busiest owners, by the number of jobs in all windows, keep their names."""
    rows = list(rows)
    busy = Counter[str]()
    for _window, kind, totals in rows:
        busy[kind.owner] += totals.jobs
    kept = {owner for owner, _jobs in busy.most_common(owners_max)}
    sums: dict[tuple[WindowName, Kind], Totals] = {}
    for window, kind, totals in rows:
        row_key = window, kind if kind.owner in kept else kind._replace(owner=OTHERS)
        sums[row_key] = sums.get(row_key, Totals()).plus(totals)
    for (window, kind), totals in sums.items():
        yield window, kind, totals
