"""A cleared cache answers nothing, and takes nothing from the jobs that have ended."""

from pathlib import Path

from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.pipeline.test_restart import address, start
from tests.waiting import wait_until

CLIP = BY_NAME["en-command.wav"].path


def is_cached(client: Client, task: str) -> bool:
    return bool(client.ended(task)["result"]["cached"])


def test_after_a_clearing_the_same_file_is_transcribed_again_also_after_a_restart(tmp_path: Path) -> None:
    with start(tmp_path / "data", tmp_path / "first.log") as first:
        client = Client(address(first))
        before, second = client.submit(CLIP), client.submit(CLIP)
        assert [is_cached(client, before), is_cached(client, second)] == [False, True]
        wait_until(lambda: client.request("GET", "/api/cache-stats").json["size"] == 1, "the figures")
        figures = client.request("GET", "/api/cache-stats").json
        assert (figures["hits"], figures["misses"], figures["hit_rate"]) == (1, 1, 0.5)
        assert client.request("POST", "/api/cache/clear").status == 200
        assert client.request("GET", "/api/cache-stats").json["size"] == 0
        after = client.submit(CLIP)
        assert not is_cached(client, after)
        assert is_cached(client, client.submit(CLIP))
        texts = [client.status(task)["result"]["transcription"]["text"] for task in (before, after)]
        assert texts[0] == texts[1] != ""
        assert client.request("POST", "/api/cache/clear").status == 200
    with start(tmp_path / "data", tmp_path / "second.log") as again:
        client = Client(address(again))
        assert client.status(before)["result"]["transcription"]["text"] == texts[0]
        assert not is_cached(client, client.submit(CLIP))
