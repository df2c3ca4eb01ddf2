"""The whole system on a real broker with several processes of each stage: any gateway answers, tables move, nothing is lost."""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.services import supervisor
from scripts.services.supervisor import Services
from tests.services.chaos.cluster import Cluster, on_directory
from tests.services.chaos.nemesis import Nemesis
from tests.services.chaos.trial import timed, trial
from tests.waiting import wait_until

SEED = 20261121


@pytest.fixture(scope="module")
def cluster(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """2 gateways, 2 coordinators, 2 slicers and 3 transcribers on a broker of their own."""
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        kafka = supervisor.own_kafka(folder / "kafka")
        stack.callback(kafka.process.forget)
        yield stack.enter_context(Cluster(folder, on_directory(kafka.bootstrap, folder)))


def test_any_gateway_answers_for_any_job(cluster: Cluster, tmp_path: Path) -> None:
    with trial(cluster, SEED, tmp_path / "history.jsonl") as run:
        run.submit([*range(12), *range(4)])  # and some of them again
        assert run.verdict(within_s=math.inf).violations == []


def test_a_killed_coordinators_tables_move_to_the_other_and_come_back(cluster: Cluster, tmp_path: Path) -> None:
    first, second = cluster.of("coordinator")
    with trial(cluster, SEED, tmp_path / "history.jsonl") as run:
        took_s = timed(run, range(100, 116), first.kill_for_good)
        print(f"one coordinator takes over after {took_s:.1f} s")
        first.start()
        wait_until(lambda: " tables.restored " in first.log(), "tables to come back to the first")
        run.submit(range(116, 124))
        run.wait_ended()
        second.kill_for_good()
        second.start()
        run.submit(range(124, 132))
        verdict = run.verdict(within_s=math.inf)
    cluster.wait_ready()
    assert verdict.violations == []
    assert cluster.crashes() == []


def test_a_rolling_restart_of_everything_under_load_loses_nothing_and_repeats_at_most_what_was_in_flight(
    cluster: Cluster, tmp_path: Path
) -> None:
    with trial(cluster, SEED, tmp_path / "history.jsonl", rate=3.0) as run:
        nemesis = Nemesis(cluster, run.recorder)
        run.submit(range(200, 290))
        for member in cluster.members.values():
            run.recorder.fault(f"restart {member.name}")
            nemesis.strike("restart", member)
            cluster.wait_ready([member])
        verdict = run.verdict(within_s=math.inf)
    print(verdict.figures)
    assert verdict.violations == []
    in_flight = 2 * len(cluster.of("transcriber"))  # two lanes, a replica each at work
    assert verdict.figures.repeated <= in_flight, verdict.figures
    assert cluster.crashes() == []
