"""The figures of the system: over HTTP and for Prometheus, from the metrics sink."""

from typing import Any

from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.waiting import wait_until


def test_ended_jobs_are_counted_in_the_last_minute_hour_and_day(client: Client) -> None:
    before = jobs_of(client, "day")
    for _ in range(2):  # the second is answered from the cache
        client.ended(client.submit(BY_NAME["en-numbers.flac"].path, prompt="for the figures"))
    wait_until(lambda: jobs_of(client, "day") >= before + 2, "the figures of both jobs")
    windows: dict[str, Any] = client.request("GET", "/api/stats").json["windows"]
    for name in ("minute", "hour", "day"):
        totals = windows[name]["totals"]
        assert totals["jobs"] >= 2
        assert totals["cache_hits"] >= 1
        assert totals["audio_s"] > 12
        assert windows[name]["by"]["model"]["demo"]["jobs"] >= 2
        assert windows[name]["by"]["state"]["SUCCESS"]["jobs"] >= 2


def jobs_of(client: Client, window: str) -> int:
    return int(client.request("GET", "/api/stats").json["windows"][window]["totals"]["jobs"])


def test_prometheus_reads_the_same_figures(client: Client) -> None:
    client.ended(client.submit(BY_NAME["en-command.wav"].path))
    wait_until(lambda: b"murmur_window_jobs{" in client.request("GET", "/metrics").body, "the gauges")
    assert b"murmur_oldest_job_age_seconds" in client.request("GET", "/metrics").body
