"""Which model is loaded next, and which one is unloaded to make room for it. Pure.

Fed by `residents` at every turn of the loop, with what is loaded and what the chunks in hand ask for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.options import ModelRef

TURN_S = 20.0  # a model with chunks of its own keeps its place for at least this long while another one waits
LOADS = 2.0  # and for so many times as long as it took to load, so that loading is never most of the work


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """`models`: loaded at once. `idle_s`: a model that was not used for this long is unloaded; 0: never."""

    models: int = 1
    idle_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that has a place. `wanted`: a chunk in hand asks for it. `changing`: it is being loaded, or ends its last batches.
    Times are of one clock: `since_s` when it was loaded, which took `load_s`, `used_s` when it was last used."""

    model: ModelRef
    wanted: bool
    changing: bool
    since_s: float
    used_s: float
    load_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """`idle` and `replaced` are unloaded: unused for too long, and in the place of another model."""

    load: ModelRef | None = None
    idle: tuple[ModelRef, ...] = ()
    replaced: ModelRef | None = None


def decide(loaded: Sequence[Loaded], waiting: Sequence[ModelRef], limits: CacheLimits, now_s: float) -> Decision:
    """`waiting`: models that chunks ask for and that have no place, the next one first. One model changes at a time."""
    idle = tuple(each.model for each in loaded if _is_idle(each, limits, now_s))
    if not waiting or idle or any(each.changing for each in loaded):
        return Decision(idle=idle)
    if len(loaded) < limits.models:
        return Decision(load=waiting[0])
    return Decision(replaced=_victim(loaded, now_s))


def _is_idle(each: Loaded, limits: CacheLimits, now_s: float) -> bool:
    return limits.idle_s > 0 and not (each.wanted or each.changing) and now_s - each.used_s >= limits.idle_s


def _victim(loaded: Sequence[Loaded], now_s: float) -> ModelRef | None:
    """The least recently used of those that no chunk asks for; else the one whose turn is over and has been the longest."""
    paid = [each for each in loaded if now_s - each.since_s >= LOADS * each.load_s]
    if unwanted := [each for each in paid if not each.wanted]:
        return min(unwanted, key=lambda each: each.used_s).model
    over = [each for each in paid if now_s - each.since_s >= TURN_S]
    return min(over, key=lambda each: each.since_s).model if over else None
