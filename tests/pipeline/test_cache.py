"""The cache of a running system: it outlives restarts; a cleared one answers nothing, and takes nothing from ended jobs."""

from pathlib import Path
from typing import Any

from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.pipeline.test_restart import address, start
from tests.waiting import wait_until

CLIP = BY_NAME["en-command.wav"].path


def is_cached(client: Client, task: str) -> bool:
    return bool(client.ended(task)["result"]["cached"])


def stats(client: Client) -> dict[str, Any]:
    return client.request("GET", "/api/cache-stats").json


def test_the_cache_outlives_a_restart_and_is_cleared_as_a_whole_or_by_job(tmp_path: Path) -> None:
    with start(tmp_path / "data", tmp_path / "first.log") as first:
        client = Client(address(first))
        before, second = client.submit(CLIP), client.submit(CLIP)
        assert [is_cached(client, before), is_cached(client, second)] == [False, True]
        wait_until(lambda: stats(client)["size"] == 1, "the figures")
        assert [stats(client)[name] for name in ("hits", "misses", "hit_rate")] == [1, 1, 0.5]
        assert client.request("POST", "/api/cache/clear").status == 200
        assert stats(client)["size"] == 0
        after = client.submit(CLIP)
        assert not is_cached(client, after)
        assert is_cached(client, client.submit(CLIP))
        texts = [client.status(task)["result"]["transcription"]["text"] for task in (before, after)]
        assert texts[0] == texts[1] != ""
        wait_until(lambda: stats(client)["hits"] == 1, "the figures")
        last = stats(client)
        assert last["bytes"] > 0
    with start(tmp_path / "data", tmp_path / "second.log") as again:
        client = Client(address(again))
        assert stats(client) == last
        assert client.status(before)["result"]["transcription"]["text"] == texts[0]
        assert is_cached(client, client.submit(CLIP))
        assert client.request("DELETE", f"/api/jobs/{after}/cache").status == 200
        assert not is_cached(client, client.submit(CLIP))
