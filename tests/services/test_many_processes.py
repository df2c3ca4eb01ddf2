"""The whole system on a real broker with several processes of each stage: any gateway answers, tables move, nothing is lost."""

import math
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from runtime.kafka.follower import Follower
from schemas.topics import DECODES
from schemas.work import DecodeRequested
from scripts.services import supervisor
from scripts.services.supervisor import Services
from tests.clips import AUDIO
from tests.pipeline.client import Client
from tests.services.chaos.cluster import Cluster, on_directory
from tests.services.chaos.nemesis import Nemesis
from tests.services.chaos.trial import timed, trial
from tests.services.running import spoken
from tests.waiting import wait_until

SEED = 20261121
AT_ONCE = 50  # connections of the test's own process
LONG = AUDIO / "en-two-minutes.flac"


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


def submit_all(cluster: Cluster, content: bytes, count: int) -> list[str]:
    """The same file so many times at once, half of them to each gateway."""
    clients = [Client(gateway.address) for gateway in cluster.gateways]

    def submit(number: int) -> str:
        answer = clients[number % len(clients)].post("talk.wav", content)
        assert answer.status == 202, answer.body
        return str(answer.json["task_id"])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(submit, range(count)))


def decodes(cluster: Cluster, work_id: str) -> int:
    """How many runs of this work the coordinators have begun."""
    with closing(Follower(cluster.kafka, [DECODES])) as follower:
        ends, found = follower.end_offsets(), set[str]()
        while not follower.reached(ends):
            events = [record.event for record in follower.poll(0.1)]
            found |= {event.run for event in events if isinstance(event, DecodeRequested) and event.work.work_id == work_id}
        return len(found)


def test_500_simultaneous_submits_of_one_file_are_one_transcription_and_500_results(cluster: Cluster) -> None:
    tasks = submit_all(cluster, spoken(), 500)
    client = Client(cluster.gateways[0].address)
    ended = [client.ended(task) for task in tasks]
    assert {each["state"] for each in ended} == {"SUCCESS"}
    assert len({each["task_id"] for each in ended}) == 500
    assert len({each["result"]["transcription"]["text"] for each in ended}) == 1
    (work_id,) = {each["work_id"] for each in ended}
    assert decodes(cluster, work_id) == 1
    assert sum(not each["result"]["cached"] for each in ended) == 1
    for gateway in cluster.gateways:
        wait_until(lambda each=gateway: Client(each.address).request("GET", "/api/cache-stats").json["hits"] >= 499, "hits")  # type: ignore[misc]


def test_a_cancel_of_the_first_of_several_submits_does_not_end_the_work_of_the_others(cluster: Cluster) -> None:
    content = LONG.read_bytes() + uuid.uuid4().bytes
    (first,) = submit_all(cluster, content, 1)
    others = submit_all(cluster, content, 6)
    client = Client(cluster.gateways[0].address)
    answer = client.request("DELETE", f"/api/transcribe/async/{first}")
    ended = [client.ended(task) for task in others]
    assert answer.status == 202, "the work had ended before"
    assert client.ended(first)["state"] == "REVOKED"
    assert {each["state"] for each in ended} == {"SUCCESS"}
    assert decodes(cluster, ended[0]["work_id"]) == 1


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
