"""The topics hold what they should not: every record again, late and out of order, and records that are none."""

from runtime.kafka.follower import Follower
from schemas.jobs import JobRequested
from schemas.topics import CANCELLATIONS, CHUNK_RESULTS, CHUNKS_BULK, CHUNKS_INTERACTIVE, DECODES, REQUESTS
from tests.services.chaos import hostile
from tests.services.chaos.bench import Bench, Row
from tests.services.chaos.recorder import Buried
from tests.services.chaos.trial import trial
from tests.waiting import wait_until

POISONED = (REQUESTS, CANCELLATIONS, DECODES, CHUNKS_INTERACTIVE, CHUNKS_BULK, CHUNK_RESULTS)


def stuttering(bench: Bench) -> Row:
    """Every record five times, late and out of order, and jobs whose cancel comes before their request.

    Repeats of repeats: a file that is decoded five times gives its chunks five times, and each of those is written again."""
    with trial(bench.cluster, bench.seed, bench.folder / "stutter.jsonl", rate=1.5) as run:
        with hostile.Stutter(bench.cluster.kafka, bench.seed) as stutter:
            run.submit(bench.numbers(1))
            run.wait_ended()
            names = hostile.cancels_before_requests(bench.cluster.kafka, _a_request(bench), 5)
            run.may_end = {name: frozenset({"REVOKED"}) for name in names}
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
