"""Whether something in the store may be removed, and why. Pure; the numbers are in `runtime/retention.py`."""

from math import inf
from typing import Literal

from runtime.retention import KindName, Limits
from sinks.retention.listing import Item

Reason = Literal["age", "released", "size"]
RELEASE_S = 60.0  # a job or an entry that named it may have been followed by another in the meantime


def used_s(kind: KindName, item: Item) -> float:
    """When it was used last. A slicer that finds audio writes its index again, so the objects themselves tell. What no job keeps
    has an age of its own."""
    if kind not in ("uploads", "transcripts"):
        return item.modified_s
    return max(item.modified_s, item.ended_s or 0.0, item.cached_s or 0.0)


def is_held(kind: KindName, item: Item, limits: Limits, now_s: float) -> bool:
    """An unfinished job may need it, or it is so new, or was used so lately, that what names it may not be known yet. No job
    needs an answer of a model, which is asked for again."""
    ended_s = item.ended_s if item.ended_s is not None else -inf
    is_new = now_s - item.modified_s < limits.least_s or now_s - ended_s < limits.least_used_s
    return is_new or (item.unfinished and kind != "corrections")


def may_go(kind: KindName, item: Item, limits: Limits, now_s: float) -> bool:
    """An entry of the cache names its transcript, and has an age and limits of its own."""
    return not is_held(kind, item, limits, now_s) and (kind != "transcripts" or item.cached_s is None)


def due(kind: KindName, item: Item, limits: Limits, now_s: float) -> Reason | None:
    """Why it is to be removed now; None: it stays. What has been named as long as this process reads the topics and is no longer
    goes soon, anything else by its age: what was never named may belong to jobs that are not known here."""
    if not may_go(kind, item, limits, now_s):
        return None
    is_released = not item.is_named and item.released_s is not None and item.modified_s <= item.released_s
    if is_released and now_s - (item.released_s or 0.0) > RELEASE_S:
        return "released"
    age_s = limits.failed_age_s if item.failed else limits.age_s
    return "age" if age_s is not None and now_s - used_s(kind, item) > age_s else None
