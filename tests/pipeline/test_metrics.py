"""Every metric of the system is served by the gateway of `murmur dev`, and moves when its stage has worked."""

from pathlib import Path

import pytest

from murmur.dev import Dev
from runtime.kafka.messages import Output
from runtime.kafka.writer import Writer
from schemas.topics import UPLOADS
from tests.clips import BY_NAME, without_samples
from tests.pipeline.client import Client
from tests.scraped import Scrape
from tests.waiting import DEADLINE_S, wait_until

MOVED = (
    *(f"murmur_records_total,stage={stage}" for stage in ("intake", "coordinator", "slicer", "transcriber", "store")),
    *(f"murmur_handle_seconds_count,stage={stage}" for stage in ("intake", "coordinator", "slicer", "transcriber", "store")),
    *(f"murmur_commit_seconds_count,stage={stage}" for stage in ("intake", "coordinator", "slicer", "transcriber", "store")),
    "murmur_turn_records_count,stage=coordinator",
    "murmur_dead_letters_total,stage=intake,reason=not_json",
    "murmur_files_announced_total,stage=watcher",
    "murmur_drops_total,outcome=requested",
    "murmur_drop_bytes_total",
    "murmur_files_sliced_total,outcome=done",
    "murmur_files_sliced_total,outcome=no_audio",
    "murmur_decode_seconds_sum",
    "murmur_decoder_peak_memory_bytes_sum",
    "murmur_vad_seconds_sum",
    "murmur_decoded_audio_seconds_total",
    "murmur_chunks_total,lane=interactive,outcome=transcribed",
    "murmur_chunk_wait_seconds_count,lane=interactive",
    "murmur_chunk_inference_seconds_sum,lane=interactive",
    "murmur_transcribed_audio_seconds_total,lane=interactive",
    "murmur_batch_windows_count",
    "murmur_inference_seconds_sum",
    "murmur_jobs_ended_total,state=SUCCESS,cached=false",
    "murmur_jobs_ended_total,state=SUCCESS,cached=true",
    "murmur_jobs_ended_total,state=FAILURE,reason=no_audio",
    "murmur_jobs_ended_total,state=FAILURE,reason=unsupported",
    "murmur_job_queue_seconds_count",
    "murmur_job_seconds_count,state=SUCCESS",
    "murmur_job_audio_seconds_total,cached=true",
    "murmur_job_real_time_factor_sum",
    "murmur_result_files_total,format=srt",
    "murmur_result_files_total,format=error.txt",
    "murmur_http_request_seconds_count,status=202",
    "murmur_upload_bytes_total",
)
STANDING = (  # of the process, since its start
    "murmur_replicas",
    "murmur_model_load_seconds_count,model=demo",
    "murmur_decoders_started_total",
    "murmur_jobs,state=SUCCESS",
)


def value(scrape: Scrape, what: str) -> float:
    name, *labels = what.split(",")
    return scrape.total(name, **dict(label.split("=") for label in labels))


def scrape(client: Client) -> Scrape:
    return Scrape(client.request("GET", "/metrics").body.decode())


def test_every_metric_moves_when_its_stage_has_worked(system: Dev, client: Client, inbox: Path, outbox: Path) -> None:
    """Of a drop, two drops that fail, an upload, the same upload again, and a record that is no event."""
    before = scrape(client)
    own = BY_NAME["en-command.wav"].path.read_bytes() + b"counted"  # what another test had decoded would not be decoded again
    (inbox / "counted.wav").write_bytes(own)
    (inbox / "no audio.mp3").write_bytes(b"this is no audio")
    (inbox / "no samples.wav").write_bytes(without_samples(11_025))  # no other test's: failures are remembered, too
    for _ in range(2):
        client.ended(client.submit(BY_NAME["en-command.wav"].path, prompt="for the metrics"))
    writer = Writer(system.resources.kafka, system.resources.kafka.producer("test"), "test")
    writer.send(Output(UPLOADS, "key", b"this is no event"))
    assert writer.flush(DEADLINE_S)
    writer.close()
    wait_until(lambda: (outbox / "counted.wav.srt").exists(), "the result files")
    wait_until(lambda: (outbox / "no audio.mp3.error.txt").exists(), "the error file")

    for what in MOVED:
        wait_until(lambda what=what: value(scrape(client), what) > value(before, what), what)  # type: ignore[misc]
    wait_until(lambda: value(scrape(client), "murmur_records_in_flight") == 0, "empty loops")
    after = scrape(client)
    assert {what for what in STANDING if not value(after, what) > 0} == set()
    assert value(after, "murmur_replicas_busy") == 0


def test_the_timings_of_a_job_are_in_its_status_and_its_transcript(client: Client) -> None:
    own = BY_NAME["en-command.wav"].path.read_bytes() + b"decoded for this test"  # what was decoded before is not decoded again
    task = client.post("own.wav", own).json["task_id"]
    first = client.ended(task)
    timings = first["timings"]
    assert timings == first["result"]["timings"] == client.transcript(task, "json").json["timings"]
    assert timings["decode_s"] > 0
    assert timings["vad_s"] > 0
    assert timings["decoder_peak_memory_bytes"] > 1_000_000
    assert timings["inference_s"] > 0
    assert 0 <= timings["queue_s"] < timings["total_s"]
    assert timings["real_time_factor"] == pytest.approx(
        (timings["total_s"] - timings["queue_s"]) / first["result"]["transcription"]["duration"]
    )
    again = client.ended(client.post("own.wav", own).json["task_id"])
    assert again["timings"] is None
    assert again["result"]["timings"] == timings
