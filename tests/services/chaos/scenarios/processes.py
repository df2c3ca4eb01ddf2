"""Stages are killed, frozen, restarted, taken away and added."""

import signal
from collections.abc import Callable
from functools import partial

from tests.services.chaos.bench import Bench, Row
from tests.services.chaos.checker import slowest_among
from tests.services.chaos.nemesis import Nemesis, Operation, freeze, kills
from tests.services.chaos.recorder import Fault
from tests.services.chaos.trial import timed, trial

FROZEN_S = 30.0
PLAIN_S, OWN_NAME_S, TAKEOVER_S = 15.0, 5.0, 30.0  # the bounds of a takeover
STORM_S, EVERY_S = 120.0, 3.0
STANDSTILL_S = 20.0  # the longest that a storm of rebalances may cost
TIMES = 3  # a chunk may be transcribed that often in it


def killed_everywhere(bench: Bench) -> Row:
    """24 times kill -9, every member at least twice, over 200 jobs, a fifth of them repeats that the cache answers."""
    members = [*bench.cluster.members]
    with trial(bench.cluster, bench.seed, bench.folder / "kills.jsonl", rate=3.0) as run:
        run.submit([*bench.numbers(160), *bench.numbers(40)])
        Nemesis(bench.cluster, run.recorder).run(kills(bench.seed, members, 24, span_s=75.0))
        verdict = run.verdict(300)
    f = verdict.figures
    remark = f"{f.refused} submissions rejected or cut off; longest pause between two ends {f.longest_silence_s:.1f} s"
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
    """After each fault, 8 jobs at once: when the last has ended, everything that the killed process had has been taken over. For
    the coordinator they are repeats, in which no other stage takes part; with new files the time includes their transcription."""
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

        measure("no fault, new files", PLAIN_S, lambda: None)
        measure("no fault, repeats", OWN_NAME_S, lambda: None, repeats=True)
        for stage in ("slicer", "transcriber", "coordinator"):
            member, decides = bench.cluster.members[f"{stage}-1"], stage == "coordinator"
            restart_s, takeover_s = (OWN_NAME_S, TAKEOVER_S) if decides else (PLAIN_S, PLAIN_S)
            measure(f"{stage} restarted", restart_s, partial(member.signal, signal.SIGKILL), repeats=decides)
            measure(f"{stage} taken over", takeover_s, member.kill_for_good, repeats=decides)
            member.start()
            bench.cluster.wait_ready([member])
        verdict = run.verdict()
    return Row("takeover, 8 jobs at the fault", verdict, "; ".join(found), tuple(broken))


def rebalance_storm(bench: Bench) -> Row:
    """One transcriber of three comes and goes, every 3 s for two minutes, while the others are busy."""
    member = bench.cluster.members["transcriber-3"]
    with trial(bench.cluster, bench.seed, bench.folder / "storm.jsonl", rate=1.0) as run:
        nemesis = Nemesis(bench.cluster, run.recorder)
        run.submit(bench.numbers(int(STORM_S)))
        nemesis.run([Operation(number * EVERY_S, "come or go", member.name) for number in range(int(STORM_S / EVERY_S))])
        if not member.alive:
            member.start()
        verdict = run.verdict()
    f = verdict.figures
    useful = f.chunks / (f.chunks + f.repeated)
    wrong = {
        f"nothing ended for {f.longest_silence_s:.1f} s": f.longest_silence_s > STANDSTILL_S,
        f"only {useful:.0%} of the work was useful": useful < 0.5,
        f"a chunk was transcribed {f.most_inferences} times": f.most_inferences > TIMES,
    }
    remark = f"longest pause {f.longest_silence_s:.1f} s; {useful:.0%} of the chunks transcribed once"
    return Row(
        "a transcriber comes and goes every 3 s for 2 min", verdict, remark, tuple(what for what, so in wrong.items() if so)
    )
