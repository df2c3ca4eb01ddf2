"""The figures of the cache, and its clearing."""

from datetime import datetime
from pathlib import Path
from typing import Any

from producers.gateway.documents.cache import CacheStats
from runtime.kafka.follower import Follower
from schemas.cache import CacheCleared
from schemas.segment import Segment
from schemas.topics import CACHE_CLEARS
from tests.contract.gateway.running_gateway import RunningGateway, finish, running, status, submitted
from tests.waiting import wait_until


def stats(gateway: RunningGateway) -> dict[str, Any]:
    answer = gateway.get("/api/cache-stats")
    assert answer.status == 200
    return CacheStats.model_validate(answer.json).model_dump()


def clear(gateway: RunningGateway) -> datetime:
    answer = gateway.request("POST", "/api/cache/clear")
    assert (answer.status, answer.json["success"]) == (200, True)
    return datetime.fromisoformat(answer.json["cleared_at"])


def test_hits_misses_and_stored_transcripts_are_counted_since_the_last_clearing(gateway: RunningGateway) -> None:
    clear(gateway)
    assert {name: stats(gateway)[name] for name in ("hits", "misses", "hit_rate", "size")} == {
        "hits": 0,
        "misses": 0,
        "hit_rate": None,
        "size": 0,
    }
    submission = submitted(gateway)
    finish(gateway, submission, Segment(start=0, end=1, text="Olá."))
    wait_until(lambda: stats(gateway)["misses"] == 1, "the job")
    wait_until(lambda: stats(gateway)["max_size"], "the partitions")
    wait_until(lambda: stats(gateway)["disk_cache_size"] is not None, "the count")
    assert (stats(gateway)["hit_rate"], stats(gateway)["ttl_seconds"]) == (0.0, None)


def test_a_clearing_is_in_every_partition_and_later_requests_say_so(gateway: RunningGateway) -> None:
    before = submitted(gateway, b"the same audio")
    finish(gateway, before, Segment(start=0, end=1, text="Olá."))
    assert submitted(gateway, b"the same audio").result is not None

    at = clear(gateway)

    again = submitted(gateway, b"the same audio")
    assert (again.result, again.cache_cleared_at) == (None, at)
    assert again.work == before.work.model_copy(update={"audio": again.work.audio})
    assert status(gateway, before)["result"]["transcription"]["text"] == "Olá."
    assert partitions_with(gateway, at) == {p.number for p in gateway.kafka.offsets.partitions((CACHE_CLEARS,))}


def partitions_with(gateway: RunningGateway, at: datetime) -> set[int]:
    follower = Follower(gateway.kafka, (CACHE_CLEARS,))
    try:
        ends, found = follower.end_offsets(), set[int]()
        while not follower.reached(ends):
            records = follower.poll(0.1)
            found |= {r.partition.number for r in records if isinstance(r.event, CacheCleared) and r.event.at == at}
        return found
    finally:
        follower.close()


def test_another_gateway_reads_of_a_clearing(gateway: RunningGateway, tmp_path: Path) -> None:
    at = clear(gateway)
    with running(gateway.kafka, tmp_path) as other:
        wait_until(lambda: other.stage.not_ready() is None, "the other gateway")
        wait_until(lambda: stats(other)["cleared_at"] == at, "the clearing")
