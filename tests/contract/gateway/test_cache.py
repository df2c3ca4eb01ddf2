"""The figures of the cache, and its clearing."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from producers.gateway.documents.cache import CacheStats
from runtime.kafka.follower import Follower
from schemas.cache import CacheCleared, CacheEntry
from schemas.segment import Segment
from schemas.topics import CACHE_CLEARS
from tests.contract.gateway.keyed import keyed
from tests.contract.gateway.running_gateway import (
    RunningGateway,
    embedded,
    finish,
    is_problem,
    publish_cached,
    running,
    status,
    submitted,
)
from tests.waiting import wait_until


def stats(gateway: RunningGateway) -> dict[str, Any]:
    answer = gateway.get("/api/cache-stats")
    assert answer.status == 200
    return CacheStats.model_validate(answer.json).model_dump()


def clear(gateway: RunningGateway) -> datetime:
    answer = gateway.request("POST", "/api/cache/clear")
    assert (answer.status, answer.json["success"]) == (200, True)
    return datetime.fromisoformat(answer.json["cleared_at"])


def test_hits_misses_size_and_bytes_are_counted_since_the_last_clearing(gateway: RunningGateway) -> None:
    clear(gateway)
    nothing = {"hits": 0, "misses": 0, "hit_rate": None, "size": 0, "bytes": 0}
    assert {name: stats(gateway)[name] for name in nothing} == nothing
    submission = submitted(gateway)
    finish(gateway, submission, Segment(start=0, end=1, text="Olá."))
    wait_until(lambda: stats(gateway)["misses"] == 1, "the job")
    found = stats(gateway)
    stored = gateway.store.head(gateway.settings.work_bucket, f"results/{submission.work.work_id}.json")
    assert (found["size"], found["disk_cache_size"], found["bytes"]) == (1, 1, stored.size_bytes)
    assert (found["hit_rate"], found["ttl_seconds"], found["max_size"]) == (0.0, 7 * 86400, 100_000)
    publish_cached(gateway, submission.work.work_id, None)
    assert (stats(gateway)["size"], stats(gateway)["misses"]) == (0, 1)


def test_a_transcript_that_has_expired_neither_counts_nor_is_expected(gateway: RunningGateway) -> None:
    before = submitted(gateway, b"old audio")
    finish(gateway, before, Segment(start=0, end=1, text="Olá."))
    size = stats(gateway)["size"]
    publish_cached(gateway, before.work.work_id, CacheEntry(datetime.now(UTC) - timedelta(days=8)))
    wait_until(lambda: stats(gateway)["size"] == size - 1, "the older entry")
    assert submitted(gateway, b"old audio").result is None


def test_one_result_is_cleared_by_its_work_or_by_a_job_and_others_stay(gateway: RunningGateway) -> None:
    one, other = submitted(gateway, b"one"), submitted(gateway, b"other")
    for each in (one, other):
        finish(gateway, each, Segment(start=0, end=1, text="Olá."))
    work_id = status(gateway, one)["work_id"]
    assert work_id == one.work.work_id

    for path in (f"/api/cache/{work_id}", f"/api/jobs/{one.job.job_id}/cache"):
        answer = gateway.request("DELETE", path)
        assert (answer.status, answer.json["success"], answer.json["work_id"]) == (200, True, work_id)
        again = submitted(gateway, b"one")
        assert (again.result, again.cache_cleared_at) == (None, datetime.fromisoformat(answer.json["cleared_at"]))
    assert submitted(gateway, b"other").result is not None
    assert status(gateway, one)["result"]["transcription"]["text"] == "Olá."
    (record,) = {r.at for r in clearings(gateway) if r.work_id == work_id and r.at == again.cache_cleared_at}
    assert record == again.cache_cleared_at


@pytest.mark.parametrize("work_id", ["f" * 64, "x" * 64, "f", "%2e%2e"])
def test_a_work_that_nobody_knows_of_cannot_be_cleared(gateway: RunningGateway, work_id: str) -> None:
    assert is_problem(gateway.request("DELETE", f"/api/cache/{work_id}"), 404)["reason"] == "unknown_work"


def test_the_deletion_of_the_last_job_of_a_work_clears_it(gateway: RunningGateway) -> None:
    first, second = submitted(gateway, b"two jobs"), submitted(gateway, b"two jobs")
    for each in (first, second):
        finish(gateway, each, Segment(start=0, end=1, text="Olá."))
    for job, cleared in ((first, False), (second, True)):
        assert gateway.request("DELETE", f"/api/jobs/{job.job.job_id}").status == 200
        assert any(record.work_id == job.work.work_id for record in clearings(gateway)) is cleared


def test_only_owners_of_a_job_of_a_work_and_those_who_see_all_may_clear_it(tmp_path: Path) -> None:
    with keyed(tmp_path) as keys:
        alice, bob, ops = (keys.of(name) for name in ("alice", "bob", "ops"))
        mine = submitted(alice, b"the same audio")
        finish(alice, mine, Segment(start=0, end=1, text="Olá."))
        theirs = submitted(bob, b"the same audio")
        assert theirs.work.work_id != mine.work.work_id
        assert theirs.work.slice_id != mine.work.slice_id, "decoding that takes no time would tell that somebody has the file"
        assert theirs.work.audio != mine.work.audio, "so would the time at which the audio was stored"
        path = f"/api/cache/{mine.work.work_id}"
        assert is_problem(bob.request("DELETE", path), 404)["reason"] == "unknown_work"
        assert is_problem(bob.request("DELETE", f"/api/jobs/{mine.job.job_id}/cache"), 404)["reason"] == "unknown_task"
        assert [each.request("DELETE", path).status for each in (alice, ops)] == [200, 200]
        assert is_problem(alice.request("POST", "/api/cache/clear"), 403)["reason"] == "forbidden"


def test_owners_that_share_the_cache_have_the_same_works_and_see_only_their_own_jobs(tmp_path: Path) -> None:
    with keyed(tmp_path, cache_shared=True) as keys:
        alice, bob = keys.of("alice"), keys.of("bob")
        mine = submitted(alice, b"the same audio")
        finish(alice, mine, Segment(start=0, end=1, text="Olá."))
        theirs = submitted(bob, b"the same audio")
        assert theirs.work == mine.work
        assert theirs.result is not None
        assert bob.get(f"/api/transcribe/async/status/{mine.job.job_id}").status == 404
        assert bob.get(f"/api/jobs/{mine.job.job_id}/transcript.txt").status == 404


def test_a_disabled_cache_is_shown_as_such_and_expects_nothing(tmp_path: Path) -> None:
    with embedded(tmp_path, cache_enabled=False, cache_entries=0, cache_ttl_s=0) as gateway:
        finish(gateway, submitted(gateway, b"audio"), Segment(start=0, end=1, text="Olá."))
        assert submitted(gateway, b"audio").result is None
        found = stats(gateway)
        assert (found["cache_enabled"], found["disk_cache_enabled"]) == (False, False)
        assert (found["max_size"], found["ttl_seconds"]) == (None, None)


def clearings(gateway: RunningGateway) -> list[CacheCleared]:
    """All that are on the topic."""
    follower = Follower(gateway.kafka, (CACHE_CLEARS,))
    with closing(follower):
        ends, found = follower.end_offsets(), list[CacheCleared]()
        while not follower.reached(ends):
            found += [record.event for record in follower.poll(0.1) if isinstance(record.event, CacheCleared)]
        return found


def test_a_clearing_is_in_every_partition_and_later_requests_say_so(gateway: RunningGateway) -> None:
    before = submitted(gateway, b"the same audio")
    finish(gateway, before, Segment(start=0, end=1, text="Olá."))
    assert submitted(gateway, b"the same audio").result is not None

    at = clear(gateway)

    again = submitted(gateway, b"the same audio")
    assert (again.result, again.cache_cleared_at) == (None, at)
    assert again.work == before.work.model_copy(update={"audio": again.work.audio})
    assert status(gateway, before)["result"]["transcription"]["text"] == "Olá."
    partitions = gateway.kafka.offsets.partitions((CACHE_CLEARS,))
    assert [record.at for record in clearings(gateway) if record.at == at] == [at] * len(partitions)


def test_another_gateway_reads_of_a_clearing(gateway: RunningGateway, tmp_path: Path) -> None:
    at = clear(gateway)
    with running(gateway.kafka, tmp_path) as other:
        wait_until(lambda: other.stage.not_ready() is None, "the other gateway")
        wait_until(lambda: stats(other)["cleared_at"] == at, "the clearing")
        assert {name: stats(other)[name] for name in ("size", "bytes")} == {n: stats(gateway)[n] for n in ("size", "bytes")}
