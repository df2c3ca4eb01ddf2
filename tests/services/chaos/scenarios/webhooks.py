"""The webhook sinks are killed while they send."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.contract.webhooks.receiver import Got, Receiver
from tests.services.chaos import clips
from tests.services.chaos.bench import Bench, Row
from tests.services.chaos.nemesis import Nemesis, Operation
from tests.services.chaos.trial import trial
from tests.waiting import wait_until

JOBS, RATE, TIMES = 60, 1.0, 6
HESITATION_S = 0.5  # a receiver takes its time, so that a kill meets what is being sent


class Hesitant:
    """Answers late. `busy`: how many are waiting for its answer."""

    def __init__(self) -> None:
        self.busy = 0
        self._lock = threading.Lock()
        self._never = threading.Event()

    def __call__(self, _got: Got) -> None:
        self._more(1)
        self._never.wait(HESITATION_S)
        self._more(-1)

    def _more(self, change: int) -> None:
        with self._lock:
            self.busy += change


def killed_while_sending(bench: Bench) -> Row:
    """6 times kill -9 of both webhook sinks while a receiver hesitates. Each job's receiver gets the webhook, with the same body
    however often."""
    sinks = bench.cluster.of("webhooks")
    hesitant = Hesitant()
    with Receiver(on_ok=hesitant) as receiver:
        fields = {"webhook_url": receiver.url("/ok")}
        with trial(bench.cluster, bench.seed, bench.folder / "webhooks.jsonl", rate=RATE, fields=fields) as run:
            run.submit(bench.numbers(JOBS))
            for _ in range(TIMES):
                wait_until(lambda: hesitant.busy > 0, "a webhook that is being sent", 60.0)
                Nemesis(bench.cluster, run.recorder).run([Operation(0, "kill", sink.name) for sink in sinks])
                bench.cluster.wait_ready(sinks)
            verdict = run.verdict()
            wanted = {f"msg_{job_id}_success": content for job_id, content in run.load.accepted.items()}
            wait_until(lambda: wanted.keys() <= {got.webhook_id for got in receiver.got}, "a webhook of each job", 60.0)
        got = list(receiver.got)
    remark = f"{len(wanted)} jobs delivered, {len(got) - len(wanted)} repeats with the same body; every webhook signed"
    return Row(f"{TIMES} × kill -9 of both webhook sinks while they send", verdict, remark, tuple(_wrong(wanted, got)))


def _wrong(wanted: dict[str, str], got: Sequence[Got]) -> Iterator[str]:
    """`wanted`: the content of the job that each webhook is of."""
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for one in got:
        bodies[one.webhook_id].add(one.body)
        if one.webhook_id not in wanted:
            yield f"{one.webhook_id} was never requested"
        elif clips.normalised(one.document["transcription"]["text"]) != clips.expected(wanted[one.webhook_id]):
            yield f"{one.webhook_id} has {one.document['transcription']['text']}"
    yield from (f"{which} was sent with {len(variants)} bodies" for which, variants in bodies.items() if len(variants) > 1)
