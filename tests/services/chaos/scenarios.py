"""The long run's scenarios, one row of the table in docs/reliability.md each. `python -m tests.services.chaos` runs them."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from murmur.kafka.follower import Follower
from schemas.jobs import JobRequested
from schemas.topics import CANCELLATIONS, CHUNK_RESULTS, CHUNKS_BULK, CHUNKS_INTERACTIVE, DECODES, REQUESTS
from scripts.services.kafka import Kafka
from scripts.services.store import Store
from tests.services.chaos import hostile
from tests.services.chaos.checker import slowest_among
from tests.services.chaos.cluster import Cluster
from tests.services.chaos.nemesis import Blow, Nemesis, freeze, kills, outage
from tests.services.chaos.recorder import Buried, Fault, Refused
from tests.services.chaos.trial import Verdict, timed, trial
from tests.waiting import wait_until

FROZEN_S = 30.0
AWAY_S = 10.0
REFUSED_WITHIN_S, CAUGHT_UP_S = 2.0, 30.0  # the bounds of a broker's restart
PLAIN_S, OWN_NAME_S, TAKEOVER_S = 15.0, 5.0, 30.0  # the bounds of a takeover
POISONED = (REQUESTS, CANCELLATIONS, DECODES, CHUNKS_INTERACTIVE, CHUNKS_BULK, CHUNK_RESULTS)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a scenario breaks. `first`: the number of its first file, so that no scenario meets another's work."""

    cluster: Cluster
    broker: Kafka
    store: Store | None
    folder: Path
    seed: int
    first: int

    def numbers(self, count: int, start: int = 0) -> range:
        return range(self.first + start, self.first + start + count)


@dataclass(frozen=True, slots=True)
class Row:
    fault: str
    verdict: Verdict
    remark: str = ""
    broken: tuple[str, ...] = ()

    def line(self) -> str:
        f = self.verdict.figures
        violations = [*self.verdict.violations, *self.broken]
        cells = (self.fault, f"{f.ended}/{f.accepted}", len(violations), f.repeated, f"{f.slowest_s:.1f} s", self.remark)
        return "| " + " | ".join(str(cell) for cell in cells) + " |"


def killed_everywhere(bench: Bench) -> Row:
    """24 times kill -9, every member at least twice, over 200 jobs, a fifth of them repeats that the cache answers."""
    members = [*bench.cluster.members]
    with trial(bench.cluster, bench.seed, bench.folder / "kills.jsonl", rate=3.0) as run:
        run.submit([*bench.numbers(160), *bench.numbers(40)])
        Nemesis(bench.cluster, run.recorder).run(kills(bench.seed, members, 24, span_s=75.0))
        verdict = run.verdict(300)
    f = verdict.figures
    remark = f"{f.refused} submissions refused or cut off; longest pause between two ends {f.longest_silence_s:.1f} s"
    return Row("24 × kill -9, all stages, 200 jobs", verdict, remark)


def zombie(stage: str) -> Callable[[Bench], Row]:
    def run_it(bench: Bench) -> Row:
        return _zombie(bench, stage)

    return run_it


def _zombie(bench: Bench, stage: str) -> Row:
    """Frozen under load for longer than its session, woken while the others work."""
    with trial(bench.cluster, bench.seed, bench.folder / f"zombie-{stage}.jsonl", rate=2.0) as run:
        run.submit(bench.numbers(70))
        Nemesis(bench.cluster, run.recorder).run(freeze(3.0, f"{stage}-1", FROZEN_S))
        verdict = run.verdict()
        frozen_s = next(entry.at_s for entry in run.recorder.entries if isinstance(entry, Fault))
        slowest_s = slowest_among(run.recorder.entries, frozen_s, frozen_s + 5)
    return Row(f"{stage} frozen {FROZEN_S:.0f} s, woken", verdict, f"jobs of the first 5 s ended within {slowest_s:.1f} s")


def broker_away(bench: Bench) -> Row:
    """Killed twice under load, 5 s away each time."""
    with trial(bench.cluster, bench.seed, bench.folder / "broker.jsonl", rate=2.0) as run:
        run.submit(bench.numbers(100))
        Nemesis(bench.cluster, run.recorder, bench.broker).run([*outage("broker", 5.0, 5.0), *outage("broker", 50.0, 5.0)])
        verdict = run.verdict()
    bench.cluster.wait_ready()
    f = verdict.figures
    remark = f"{f.refused} refused, the longest after {f.longest_refusal_s:.1f} s; longest pause {f.longest_silence_s:.1f} s"
    return Row("broker kill -9, 5 s away, twice", verdict, remark)


def broker_restarted(bench: Bench) -> Row:
    """Ten times, SIGTERM and SIGKILL in turn, 10 s away each. The next comes when all jobs of the last have ended."""
    caught_up_s: list[float] = []
    with trial(bench.cluster, bench.seed, bench.folder / "broker-restarts.jsonl", rate=1.0) as run:
        nemesis = Nemesis(bench.cluster, run.recorder, bench.broker)
        for number in range(10):
            run.submit(bench.numbers(8, 8 * number))
            nemesis.run([Blow(3.0, "broker down" if number % 2 else "broker ends")])
            nemesis.run([Blow(AWAY_S, "broker up")])
            back_s = run.recorder.now_s()
            run.load.wait_accepted(run.expected)
            wait_until(lambda: run.load.accepted.keys() <= run.witness.ended, "the ends of all jobs", 240)
            caught_up_s.append(run.recorder.now_s() - back_s)
        verdict = run.verdict()
        refused = [entry for entry in run.recorder.entries if isinstance(entry, Refused)]
    late = [f"caught up {took_s:.1f} s after the broker's return" for took_s in caught_up_s if took_s > CAUGHT_UP_S]
    rude = [f"{entry.gateway} refused with {entry.status} after {entry.took_s:.1f} s" for entry in refused if _is_rude(entry)]
    remark = f"{len(refused)} refused, the longest after {verdict.figures.longest_refusal_s:.1f} s; "
    remark += f"caught up {min(caught_up_s):.0f} to {max(caught_up_s):.0f} s after each return"
    return Row(f"broker away {AWAY_S:.0f} s, ten times, SIGTERM and kill -9", verdict, remark, (*late, *rude))


def _is_rude(refused: Refused) -> bool:
    return refused.status != 503 or refused.retry_after is None or refused.took_s > REFUSED_WITHIN_S


def store_away(bench: Bench) -> Row:
    with trial(bench.cluster, bench.seed, bench.folder / "store.jsonl", rate=2.0) as run:
        run.submit(bench.numbers(60))
        Nemesis(bench.cluster, run.recorder, store=bench.store).run(outage("store", 5.0, 30.0))
        back_s = run.recorder.now_s()
        verdict = run.verdict()
        after_s = max(entry.at_s for entry in run.recorder.entries) - back_s
    remark = f"{verdict.figures.refused} refused; all done {after_s:.0f} s after its return"
    return Row("store (MinIO) down 30 s", verdict, remark, tuple(bench.cluster.crashes()))


def stuttering(bench: Bench) -> Row:
    """Every record five times, late and out of order, and jobs whose cancel comes before their request.

    Repeats of repeats: a file that is decoded five times gives its chunks five times, and each of those is written again."""
    with trial(bench.cluster, bench.seed, bench.folder / "stutter.jsonl", rate=1.5) as run:
        with hostile.Stutter(bench.cluster.kafka, bench.seed) as stutter:
            run.submit(bench.numbers(1))
            run.wait_ended()
            names = hostile.cancels_before_requests(bench.cluster.kafka, _a_request(bench), 5)
            run.may_end = {name: frozenset({"REVOKED", "SUCCESS"}) for name in names}
            run.submit(bench.numbers(20, 1))
            run.load.wait_accepted(run.expected)
            run.load.wait_seen()
        verdict = run.verdict()
    return Row(
        "every record ×5, late; early cancels", verdict, f"{stutter.repeated} records repeated", tuple(bench.cluster.crashes())
    )


def _a_request(bench: Bench) -> JobRequested:
    follower = Follower(bench.cluster.kafka, [REQUESTS])
    try:
        found: list[JobRequested] = []

        def look() -> bool:
            found.extend(r.event for r in follower.poll(0.1) if isinstance(r.event, JobRequested))
            return bool(found)

        wait_until(look, "a request")
        return found[-1]
    finally:
        follower.close()


def poisoned(bench: Bench) -> Row:
    with trial(bench.cluster, bench.seed, bench.folder / "poison.jsonl", rate=2.0) as run:
        run.submit(bench.numbers(20))
        count = hostile.poison(bench.cluster.kafka, POISONED)
        run.submit(bench.numbers(20, 20))

        def buried() -> int:
            return sum(isinstance(entry, Buried) for entry in run.recorder.entries)

        wait_until(lambda: buried() >= count, f"{count} dead letters", 60)
        verdict = run.verdict()
    exact = () if buried() == count else (f"{buried()} dead letters, not {count}",)
    return Row(f"{count} poison records", verdict, f"{buried()} dead letters, each once", (*exact, *bench.cluster.crashes()))


def rolling_restart(bench: Bench) -> Row:
    with trial(bench.cluster, bench.seed, bench.folder / "rolling.jsonl", rate=2.0) as run:
        run.submit(bench.numbers(100))
        nemesis = Nemesis(bench.cluster, run.recorder)
        for member in bench.cluster.members.values():
            run.recorder.fault(f"restart {member.name}")
            nemesis.strike("restart", member)
            bench.cluster.wait_ready([member])
        verdict = run.verdict()
    return Row("rolling restart of everything", verdict, f"longest pause {verdict.figures.longest_silence_s:.1f} s")


def takeovers(bench: Bench) -> Row:
    """After each blow, 8 jobs at once: when the last has ended, everything that the dead one had is in other hands. For the
    coordinator they are repeats, which nobody else has a part in; with new files the time has their transcription in it."""
    found: list[str] = []
    broken: list[str] = []
    with trial(bench.cluster, bench.seed, bench.folder / "takeover.jsonl", rate=20.0) as run:
        first = 0

        def measure(what: str, limit_s: float, strike: Callable[[], object], *, repeats: bool = False) -> None:
            nonlocal first
            run.recorder.fault(what)
            took_s = timed(run, bench.numbers(8, 0 if repeats else first), strike)
            first += 8
            found.append(f"{what} {took_s:.1f} s")
            if took_s > limit_s:
                broken.append(f"{what}: {took_s:.1f} s, not {limit_s:.0f}")
            bench.cluster.wait_ready(m for m in bench.cluster.members.values() if m.alive)

        measure("no blow, new files", PLAIN_S, lambda: None)
        measure("no blow, repeats", OWN_NAME_S, lambda: None, repeats=True)
        for stage in ("slicer", "transcriber", "coordinator"):
            member, decides = bench.cluster.members[f"{stage}-1"], stage == "coordinator"
            restart_s, takeover_s = (OWN_NAME_S, TAKEOVER_S) if decides else (PLAIN_S, PLAIN_S)
            measure(f"{stage} restarted", restart_s, partial(member.signal, signal.SIGKILL), repeats=decides)
            measure(f"{stage} taken over", takeover_s, member.kill_for_good, repeats=decides)
            member.start()
            bench.cluster.wait_ready([member])
        verdict = run.verdict()
    return Row("takeover, 8 jobs at the blow", verdict, "; ".join(found), tuple(broken))
