"""A transcriber as a process of its own, killed between two chunks: the file finishes, and no chunk is transcribed twice."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from murmur.dev import Dev
from murmur.stages import STAGES
from runtime.kafka.follower import Follower
from runtime.settings import Settings
from schemas.topics import CHUNK_RESULTS
from schemas.work import ChunkTranscribed, WorkReported
from tests.clips import BY_NAME, word_errors
from tests.pipeline.client import Client
from tests.processes import Process
from tests.waiting import DEADLINE_S, wait_until

OTHERS = tuple(name for name in STAGES if name != "transcriber")


def start_transcriber(system: Dev, log: Path) -> Process:
    assert system.broker is not None
    environment = {
        "MURMUR_KAFKA_BOOTSTRAP": system.broker.bootstrap,
        "MURMUR_STORE": "directory",
        "MURMUR_STORE_DIR": str(system.settings.data_dir),
        "MURMUR_MODEL": "demo",
        "MURMUR_MODEL_REPLICAS": "1",
        "MURMUR_BATCH_SIZE": "1",  # a batch is in hand until its results are acknowledged and its offsets committed
    }
    return Process(["-m", "murmur.cli.child", "transcriber"], environment, log)


class Results:
    """Every chunk that was reported as transcribed so far, and how often."""

    def __init__(self, system: Dev) -> None:
        self._follower = Follower(system.resources.kafka, [CHUNK_RESULTS])
        self.chunks: Counter[tuple[int, int]] = Counter()

    def look(self) -> int:
        for record in self._follower.poll(0.1):
            if isinstance(record.event, WorkReported) and isinstance(record.event.event, ChunkTranscribed):
                self.chunks[record.event.event.span] += 1
        return len(self.chunks)

    def close(self) -> None:
        self._follower.close()


def test_a_transcriber_killed_between_chunks_costs_at_most_the_chunks_in_its_hands(
    settings_factory: Callable[..., Settings], tmp_path: Path
) -> None:
    clip = BY_NAME["en-two-minutes.flac"]
    with Dev(settings_factory(), OTHERS) as system:
        system.wait_ready(DEADLINE_S)
        assert system.address is not None
        client, results = Client(system.address), Results(system)
        with start_transcriber(system, tmp_path / "first.log") as first:
            task = client.submit(clip.path)
            wait_until(lambda: results.look() >= 3, "three chunks of text")
            first.kill()
        before = set(results.chunks)
        with start_transcriber(system, tmp_path / "second.log"):
            status = client.ended(task)
            results.look()
        results.close()
    assert status["state"] == "SUCCESS"
    assert word_errors(clip.text, status["result"]["transcription"]["text"]) <= clip.wer_max
    again = {span for span in before if results.chunks[span] > 1}
    assert len(again) <= 2, f"transcribed again: {again}"  # what was in flight, or reported and not yet committed
