"""What is done when the memory of a GPU runs short, and how it is taken back. Pure: readings in, decision out.

In this order, one step for each reading above the threshold: batches of half the size, idle models unloaded, the CPU. Fed by
`device_guard`.
"""

from dataclasses import dataclass, replace

RECOVERY = 0.1  # share of the memory that must be free below the threshold before a step is taken back
CALM_READINGS = 10  # in a row; else batches would grow and shrink with every file


@dataclass(frozen=True, slots=True)
class Reading:
    """Of the whole device, all processes, as its driver counts."""

    used_bytes: int
    total_bytes: int

    def share(self, more_bytes: int = 0) -> float:
        return (self.used_bytes + more_bytes) / self.total_bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """`batch_max`: as configured. `model_bytes`: what going back to the GPU needs. `calm_readings`: before a step back."""

    threshold: float
    batch_max: int
    model_bytes: int = 0
    calm_readings: int = CALM_READINGS


@dataclass(frozen=True, slots=True)
class Relief:
    """What is in force. `unload_idle` is for once. `calm`: readings in a row with room for one step back."""

    batch_size: int
    unload_idle: bool = False
    on_cpu: bool = False
    calm: int = 0


def relieved(now: Relief, reading: Reading, limits: Limits, *, has_idle: bool) -> Relief:
    """`has_idle`: a loaded model is not asked for by any chunk."""
    now = replace(now, unload_idle=False)
    enough = limits.threshold - RECOVERY
    if now.on_cpu:
        return _calmer(now, replace(now, on_cpu=False), limits, reading.share(limits.model_bytes) <= enough)
    if reading.share() > limits.threshold:
        return _next_step(replace(now, calm=0), has_idle=has_idle)
    larger = replace(now, batch_size=min(2 * now.batch_size, limits.batch_max))
    return _calmer(now, larger, limits, larger != now and reading.share() <= enough)


def _next_step(now: Relief, *, has_idle: bool) -> Relief:
    if now.batch_size > 1:
        return replace(now, batch_size=now.batch_size // 2)
    return replace(now, unload_idle=True) if has_idle else replace(now, on_cpu=True)


def _calmer(now: Relief, back: Relief, limits: Limits, has_room: bool) -> Relief:
    if not has_room:
        return replace(now, calm=0)
    return replace(back, calm=0) if now.calm + 1 >= limits.calm_readings else replace(now, calm=now.calm + 1)
