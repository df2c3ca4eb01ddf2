"""The main path on real parts: a PUT by a plain S3 client, the store's own event, a transcript on a topic, files in a bucket."""

import json
import time

import pytest

from schemas.topics import JOBS, TRANSCRIPTS, UPLOADS, WORKS_CHANGELOG
from tests.clips import BY_NAME, word_errors
from tests.services.running import ENDED, Installation, dropped_key, spoken

SOURCES = {"minio": "minio:s3", "versitygw": "aws:s3"}


@pytest.mark.parametrize("clip", ["en-command.wav", "pt-aac.m4a", "en-video.mp4"])
def test_a_file_put_into_the_bucket_becomes_a_transcript_and_four_files(system: Installation, clip: str) -> None:
    known = BY_NAME[clip]
    key = system.put(f"main path/{clip}", known.path.read_bytes())
    record = system.transcript(key)
    transcript = record["transcript"]
    assert word_errors(known.text, transcript["text"]) <= known.wer_max
    assert transcript["language"] == known.language
    files = {name.rpartition(".")[2]: name for name in record["result"]["files"]}
    assert files == {name: f"{key}.{name}" for name in ("json", "txt", "srt", "vtt")}
    assert json.loads(system.file(files["json"]))["text"] == transcript["text"]
    assert word_errors(known.text, system.file(files["txt"]).decode()) <= known.wer_max
    assert system.file(files["srt"]).startswith(b"1\n00:00:0")
    assert system.file(files["vtt"]).startswith(b"WEBVTT\n")


def test_the_event_was_the_stores_own(system: Installation) -> None:
    key = system.put("announced.wav", spoken())
    system.transcript(key)
    assert [event.value["Records"][0]["eventSource"] for event in system.events(key)] == [SOURCES[system.name]]


def test_a_subscriber_of_committed_records_sees_each_job_end_once(system: Installation) -> None:
    keys = [f"once/{number}.wav" for number in range(3)]
    took_s = []
    for key in keys:
        put_s = time.monotonic()
        system.transcript(system.put(key, spoken()))
        took_s.append(round(time.monotonic() - put_s, 2))
    print(f"from the PUT to the transcript on {system.name}: {took_s} s")
    jobs = [message.value for message in system.reader(JOBS).all()]
    ends = [dropped_key(job) for job in jobs if dropped_key(job) in keys and job["state"] in ENDED]
    assert sorted(map(str, ends)) == keys
    transcripts = [dropped_key(message.value) for message in system.reader(TRANSCRIPTS).all()]
    assert [transcripts.count(key) for key in keys] == [1, 1, 1]
    assert system.reader(WORKS_CHANGELOG).all(), "the coordinator keeps its table on the broker"


def test_the_same_event_five_times_is_one_job(system: Installation) -> None:
    key = system.put("five times.wav", spoken())
    system.transcript(key)
    (event,) = system.events(key)
    system.announce_again(event.key, event.value, times=5)
    assert len({request["job"]["job_id"] for request in system.requests(key)}) == 1
    system.coordinator_has_read_all()
    ends = [m.value["state"] for m in system.reader(JOBS).all() if dropped_key(m.value) == key and m.value["state"] in ENDED]
    assert ends == ["SUCCESS"]


def test_the_same_content_under_another_name_is_answered_from_the_cache(system: Installation) -> None:
    content = spoken()
    first = system.transcript(system.put("first name.wav", content))
    put_s = time.monotonic()
    second = system.transcript(system.put("second name.wav", content))
    print(f"from the PUT to a cached transcript on {system.name}: {round(time.monotonic() - put_s, 2)} s")
    assert (first["cached"], second["cached"]) == (False, True)
    assert first["transcript"]["text"] == second["transcript"]["text"]
    assert system.file("second name.wav.txt") == system.file("first name.wav.txt")


def test_events_of_other_buckets_make_no_jobs(system: Installation) -> None:
    """versitygw announces every bucket: chunks, transcripts and result files would come round again."""
    key = system.put("no circle.wav", spoken())
    record = system.transcript(key)
    for name in record["result"]["files"]:
        system.file(name)
    system.s3.put_object(Bucket="work", Key="by hand.wav", Body=spoken())
    system.s3.put_object(Bucket="results", Key="by hand.wav", Body=spoken())
    marker = system.put("after the others.wav", spoken())
    system.transcript(marker)
    announced = {
        event["s3"]["bucket"]["name"] for message in system.reader(UPLOADS).all() for event in message.value.get("Records", [])
    }
    everything = {"uploads", "work", "results"}
    assert announced - {"probes"} == ({"uploads"} if system.name == "minio" else everything)
    assert system.requests("by hand.wav") == []
    assert all(name not in map(dropped_key, (m.value for m in system.reader(JOBS).all())) for name in record["result"]["files"])
