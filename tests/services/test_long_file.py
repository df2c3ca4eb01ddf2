"""An hour-long file on a real broker with two transcribers: both transcribe it."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from schemas.sound import SAMPLE_RATE_HZ
from scripts.services.kafka import Kafka
from tests.contract.clips import samples_of
from tests.contract.media import Sound, media
from tests.pipeline.client import ENDED, Client
from tests.scraped import Scrape
from tests.services.chaos.cluster import Cluster, Member, on_directory
from tests.waiting import wait_until

TALK, EVERY_S, TIMES = "en-two-minutes.flac", 600, 6  # two minutes of speech in every ten, for an hour
ENDED_S = 600.0
SHAPE = {"gateway": 1, "coordinator": 1, "slicer": 1, "transcriber": 2}


@pytest.fixture
def cluster(own_kafka: Kafka, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path, on_directory(own_kafka.bootstrap, tmp_path), SHAPE) as cluster:
        yield cluster


def an_hour() -> bytes:
    talk = samples_of(TALK)
    part = np.concatenate((talk, np.zeros(EVERY_S * SAMPLE_RATE_HZ - len(talk), np.int16)))
    return media("flac", Sound(np.tile(part, TIMES), "flac"))


def transcribed(member: Member) -> float:
    """Chunks, by that process."""
    with urllib.request.urlopen(f"{member.address}/metrics") as response:
        return Scrape(response.read().decode()).total("murmur_chunks_total", lane="bulk", outcome="transcribed")


def test_one_file_of_an_hour_spreads_over_two_transcribers(cluster: Cluster) -> None:
    client = Client(cluster.gateways[0].address)
    task = client.post("hour.flac", an_hour()).json["task_id"]
    wait_until(lambda: client.status(task)["state"] in ENDED, "the end of the file", ENDED_S)
    status = client.status(task)
    assert status["state"] == "SUCCESS"
    assert status["result"]["transcription"]["duration"] == pytest.approx(TIMES * EVERY_S, abs=1)
    done = [transcribed(member) for member in cluster.of("transcriber")]
    print(f"chunks by each transcriber: {done}; {status['timings']}")
    assert min(done) > 0
