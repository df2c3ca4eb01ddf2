"""Broker and store are away: killed, ended, or not yet there."""

from tests.services.chaos.bench import Bench, Row
from tests.services.chaos.cluster import READY_S
from tests.services.chaos.nemesis import Nemesis, Operation, outage
from tests.services.chaos.recorder import Refused
from tests.services.chaos.trial import trial
from tests.waiting import wait_until

AWAY_S = 10.0
REFUSED_WITHIN_S, CAUGHT_UP_S = 2.0, 30.0  # the bounds of a broker's restart
JOINED_S = 10.0


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
            nemesis.run([Operation(3.0, "broker down" if number % 2 else "broker ends")])
            nemesis.run([Operation(AWAY_S, "broker up")])
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


def late_broker(bench: Bench) -> Row:
    """Every stage is started while there is no broker, and waits for it alive: 200 from /livez, 503 from /readyz."""
    members = [*bench.cluster.members.values()]
    for member in members:
        member.stop()
    bench.broker.process.kill()
    for member in members:
        member.start()
    for member in members:
        wait_until(lambda member=member: member.answer("/livez") == 200, f"{member.name} to be alive", READY_S)  # type: ignore[misc]
    early = [f"{member.name} was ready without a broker" for member in members if member.answer("/readyz") != 503]
    bench.broker.start()
    with trial(bench.cluster, bench.seed, bench.folder / "late.jsonl") as run:
        bench.cluster.wait_ready()
        joined_s = run.recorder.now_s()
        run.submit(bench.numbers(20))
        verdict = run.verdict()
    late = [f"joined after {joined_s:.1f} s"] if joined_s > JOINED_S else []
    remark = f"all {len(members)} processes alive and not ready; ready {joined_s:.1f} s after the broker answered"
    return Row("broker comes last", verdict, remark, (*early, *late, *bench.cluster.crashes()))
