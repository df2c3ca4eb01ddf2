"""One fault run: load, witness and recorder around a running cluster, and the checker's verdict at its end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from schemas.jobs import Job
from tests.services.chaos import checker, clips
from tests.services.chaos.checker import Figures, Promises
from tests.services.chaos.cluster import Cluster
from tests.services.chaos.load import OVER_S, Load
from tests.services.chaos.recorder import Recorder
from tests.services.chaos.witness import Witness
from tests.waiting import wait_until

WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Verdict:
    violations: list[str]
    figures: Figures


@dataclass(slots=True)
class Trial:
    """Submits by number: the number makes the content, so numbers that come again make no new work. `dropped`: how many jobs
    there must be of files that were put into the bucket."""

    cluster: Cluster
    recorder: Recorder
    witness: Witness
    load: Load
    expected: int = 0
    dropped: int = 0
    may_end: dict[str, frozenset[str]] = field(default_factory=dict)

    def submit(self, numbers: Sequence[int]) -> None:
        self.expected += len(numbers)
        self.load.submit([clips.name(number) for number in numbers])

    def wait_ended(self, share: float = 1.0, timeout_s: float = OVER_S) -> None:
        """Until so many of the submitted jobs have ended on the topic."""
        count = share * (self.expected + self.dropped)
        wait_until(lambda: len(self.witness.ended) >= count, f"{share:.0%} of the jobs to end", timeout_s)

    def verdict(self, timeout_s: float = OVER_S, within_s: float = WITHIN_S) -> Verdict:
        """Waits for the end of everything, requests every job from every gateway, and checks the history."""
        self.load.wait_accepted(self.expected, timeout_s)
        self.load.wait_seen(timeout_s)
        self.wait_ended(timeout_s=timeout_s)
        self.load.ask_everywhere()
        self.witness.catch_up()
        history = self.recorder.entries
        return Verdict(checker.check(history, Promises(clips.expected, within_s, self._may_end)), checker.figures(history))

    def _may_end(self, content: str) -> frozenset[str]:
        return self.may_end.get(content, frozenset({"SUCCESS"}))


@contextmanager
def trial(
    cluster: Cluster,
    seed: int,
    log: Path,
    rate: float = 4.0,
    content: Callable[[Job], str] = lambda job: job.filename,
    fields: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Trial]:
    """`log`: where the history goes, also when the run fails. `content`: that of a job's file, by its name in `clips`.
    `fields`: what is submitted beside each file."""
    recorder = Recorder()
    try:
        with (
            Witness(cluster.kafka, recorder, content) as witness,
            Load(cluster.gateways, recorder, seed, rate, fields=fields) as load,
        ):
            yield Trial(cluster, recorder, witness, load)
    finally:
        recorder.write(log)


def timed(trial: Trial, numbers: Sequence[int], strike: Callable[[], object]) -> float:
    """Strikes and submits at once; how long after the fault the last of these jobs had ended."""
    trial.wait_ended()
    strike()
    began_s = trial.recorder.now_s()
    trial.submit(numbers)
    trial.wait_ended()
    return trial.recorder.now_s() - began_s
