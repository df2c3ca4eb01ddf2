"""The rounds as text: CPU of the system without what it spends when idle, by thread and by step, beside the others."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.overhead.meter import DECODERS, UNNAMED, Spent

NUMBER = re.compile(r"[-_]?\d+$")
SHOWN_MS = 0.05
# What a transcription is made of, as `child` names it; CTranslate2 computes in threads of its own.
TRANSCRIBING = ("decode and cut", "speech detection", "mel", "engine, in Python")


@dataclass(frozen=True, slots=True)
class Round:
    """`idle`: what the system spent in some seconds without work. `busy`: from the first job to the last. `bare_s` and
    `reference_s`: CPU seconds of the bare engine and of faster-whisper."""

    idle: Spent
    busy: Spent
    start_s: float
    polls: int
    bare_s: float
    reference_s: float

    @property
    def jobs(self) -> Spent:
        """Without what it would have spent without jobs in that time."""
        return self.busy.since(self.idle, self.busy.clock_s / self.idle.clock_s)

    def line(self, jobs: int) -> str:
        """The round in one line."""
        idle_share = self.idle.process_s / self.idle.clock_s
        return (
            f"system {self.busy.process_s:.1f} s of CPU in {self.busy.clock_s:.1f} s ({self.polls} polls; start "
            f"{self.start_s:.1f} s, idle {idle_share:.1%} of a core), bare engine {self.bare_s:.1f} s, faster-whisper "
            f"{self.reference_s:.1f} s; beside decoding, speech detection and inference "
            f"{1000 * _beside_s(self.busy) / jobs:.0f} ms a job, {1000 * _beside_s(self.jobs) / jobs:.0f} without the idle cost"
        )


def _beside_s(spent: Spent) -> float:
    others_s = sum(spent.threads_s.get(name, 0.0) for name in (UNNAMED, DECODERS))
    return spent.process_s - others_s - sum(spent.steps_s.get(step, 0.0) for step in TRANSCRIBING)


def table(rounds: Sequence[Round], jobs: int) -> str:
    """Medians over the rounds, in milliseconds a job."""
    threads = _medians([_pooled(each.jobs.threads_s) for each in rounds])
    steps = _medians([each.busy.steps_s for each in rounds])
    calls = _medians([each.busy.calls for each in rounds])
    named = {f"{name} ({calls[name] / jobs:.1f} a job)": step_s for name, step_s in steps.items()}
    return "\n".join(
        [
            "CPU ms a job, by thread, without the idle cost",
            *_rows(threads, jobs),
            "CPU ms a job, by step, without the steps that it calls",
            *_rows(named, jobs),
        ]
    )


def _medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names: Iterable[str] = dict.fromkeys(name for each in rounds for name in each)
    return {name: median(each.get(name, 0.0) for each in rounds) for name in names}


def _rows(costs_s: Mapping[str, float], jobs: int) -> list[str]:
    costs_ms = {name: 1000 * cost_s / jobs for name, cost_s in costs_s.items()}
    ordered = sorted(costs_ms.items(), key=lambda each: -each[1])
    return [f"  {cost_ms:8.2f}  {name}" for name, cost_ms in ordered if cost_ms >= SHOWN_MS]


def _pooled(threads_s: Mapping[str, float]) -> dict[str, float]:
    """The threads of a pool as one."""
    pools_s: dict[str, float] = {}
    for name, cpu_s in threads_s.items():
        pool = NUMBER.sub("", name)
        pools_s[pool] = pools_s.get(pool, 0.0) + cpu_s
    return pools_s
