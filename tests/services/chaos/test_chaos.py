"""A short fault run with everything in it: kills of each stage, a zombie coordinator, broker and store away under load.

The long one is `make chaos`; what both must show is in docs/reliability.md.
"""

import math
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.services import supervisor
from scripts.services.minio import MINIO
from scripts.services.supervisor import Services
from tests.services.chaos.cluster import Cluster
from tests.services.chaos.nemesis import Nemesis, freeze, kills, outage
from tests.services.chaos.trial import trial

SEED = 20261121
JOBS = 100
FROZEN_S = 20.0  # longer than a session: the other coordinator has decided by the time it wakes


@pytest.mark.timeout(900)
def test_kills_a_zombie_and_outages_lose_no_job_and_double_none(services: Services, tmp_path: Path) -> None:
    with ExitStack() as stack:
        kafka = supervisor.own_kafka(tmp_path / "kafka")
        stack.callback(kafka.process.forget)
        store = supervisor.own_store(MINIO, tmp_path / "minio", kafka)
        stack.callback(store.process.forget)
        cluster = stack.enter_context(Cluster(tmp_path, store.environment()))
        run = stack.enter_context(trial(cluster, SEED, tmp_path / "history.jsonl"))
        run.submit(range(JOBS))
        operations = [
            *kills(SEED, [*cluster.members], len(cluster.members), span_s=20.0),
            *freeze(22.0, "coordinator-1", FROZEN_S),
            *outage("store", 45.0, 8.0),
            *outage("broker", 60.0, 5.0),
        ]
        Nemesis(cluster, run.recorder, kafka, store).run(operations)
        verdict = run.verdict(within_s=math.inf)  # how fast is what the long run shows
    print(f"seed {SEED}: {verdict.figures}")
    assert verdict.violations == []
