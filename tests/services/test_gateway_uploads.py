"""What the store verifies and what is hashed again: uploads through the gateway, and drops with checksums of many kinds."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import pytest

from processors.intake.stage import Intake
from runtime.kafka.messages import Output, Partition, Received
from runtime.models import catalogue
from runtime.objects.s3 import S3Store
from schemas.jobs import JobRequested
from schemas.topics import REQUESTS
from tests.services.running import Installation, Json, in_base64, spoken
from tests.waiting import wait_until

MIB = 1024**2


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def submitted(system: Installation, content: bytes) -> Json:
    """The request that the gateway wrote for this upload; its job ends well."""
    answer = system.http.post("upload.wav", content)
    assert answer.status == 202, answer.body
    task = answer.json["task_id"]
    request = system.reader(REQUESTS).first(lambda r: r["job"]["job_id"] == task, "the gateway's request")
    assert system.http.ended(task)["state"] == "SUCCESS"
    return request


@pytest.fixture(autouse=True)
def _gateway_answers(system: Installation) -> None:
    def ready() -> bool:
        try:
            return system.http.request("GET", "/readyz").status == 200
        except OSError:
            return False

    wait_until(ready, "the gateway")


@pytest.mark.parametrize("size_bytes", [0, 8 * MIB])
def test_an_upload_of_up_to_8_mib_is_one_put_that_the_store_verifies(system: Installation, size_bytes: int) -> None:
    """As a whole and by SHA-256, according to the store's response."""
    content = filled(size_bytes)
    request = submitted(system, content)
    head = system.s3.head_object(Bucket="work", Key=request["work"]["audio"]["key"], ChecksumMode="ENABLED")
    assert (head["ChecksumType"], head["ChecksumSHA256"]) == ("FULL_OBJECT", in_base64(content))
    assert "-" not in head["ETag"]
    assert request["work"]["audio_id"] == sha256(content)


def test_a_larger_upload_goes_in_parts_with_a_checksum_each_and_the_gateways_own_hash_names_it(system: Installation) -> None:
    content = filled(8 * MIB + 2)
    request = submitted(system, content)
    head = system.s3.head_object(Bucket="work", Key=request["work"]["audio"]["key"], ChecksumMode="ENABLED")
    assert (head["ChecksumType"], head["ChecksumSHA256"].rpartition("-")[2]) == ("COMPOSITE", "2")
    assert head["ETag"].strip('"').endswith("-2")
    assert head["ContentLength"] == len(content)
    assert request["work"]["audio_id"] == sha256(content)


def test_the_audio_of_a_job_comes_from_the_store_whole_and_in_ranges(system: Installation) -> None:
    content = filled(8 * MIB + 2)
    path = f"/api/jobs/{submitted(system, content)['job']['job_id']}/audio"

    whole = system.http.request("GET", path)
    assert (whole.status, sha256(whole.body)) == (200, sha256(content))
    assert whole.headers["etag"] == f'"{sha256(content)}"'
    for first, last in ((0, 0), (5 * MIB, 5 * MIB + 999), (8 * MIB - 1, len(content) - 1)):
        part = system.http.request("GET", path, headers={"Range": f"bytes={first}-{last}"})
        assert (part.status, part.body) == (206, content[first : last + 1])
    assert system.http.request("GET", path, headers={"If-None-Match": whole.headers["etag"]}).status == 304


def test_the_gateway_and_a_drop_meet_in_one_work(system: Installation) -> None:
    content = filled(MIB)
    request = submitted(system, content)
    record = system.transcript(system.put("dropped after its upload.wav", content))
    assert (record["work_id"], record["cached"]) == (request["work"]["work_id"], True)


def test_a_hash_in_metadata_is_not_trusted(system: Installation) -> None:
    content, other = spoken(), spoken()
    claims = {"sha256": sha256(other), "x-amz-checksum-sha256": in_base64(other), "audio-id": sha256(other)}
    key = system.put("claimed.wav", content, Metadata=claims)
    assert system.transcript(key)["transcript"]["audio_id"] == sha256(content)


@dataclass(frozen=True)
class Watched:
    """Intake's own function on the real store, and the reads that it does."""

    intake: Intake
    reads: list[str]

    def take(self, event: bytes) -> JobRequested:
        (output,) = self.intake(Received(Partition("uploads", 0), 0, None, event, None))
        assert isinstance(output, Output)
        assert isinstance(output.value, JobRequested)
        return output.value


@pytest.fixture
def watched(system: Installation) -> Iterator[Watched]:
    settings = system.store.settings()
    objects = S3Store(settings)
    reads: list[str] = []
    objects.client.meta.events.register("before-call.s3.GetObject", lambda params, **_: reads.append(params["url_path"]))
    yield Watched(Intake(objects, settings, [catalogue.resolve("demo")]), reads)
    objects.client.close()


def event_of(system: Installation, key: str) -> bytes:
    """The store's own event of a drop, after its job has ended."""
    system.transcript(key)
    return orjson.dumps(system.events(key)[0].value)


def test_a_drop_that_the_store_has_verified_is_not_read_for_its_hash(system: Installation, watched: Watched) -> None:
    content = spoken()
    key = system.put("verified.wav", content, ChecksumSHA256=in_base64(content))
    assert watched.take(event_of(system, key)).work.audio_id == sha256(content)
    assert watched.reads == []


def test_any_other_drop_is_read_as_a_stream(system: Installation, watched: Watched) -> None:
    plain, parts = spoken(), filled(6 * MIB)
    key = system.put("crc only.wav", plain, ChecksumAlgorithm="CRC32")
    assert watched.take(event_of(system, key)).work.audio_id == sha256(plain)
    assert len(watched.reads) == 1
    key = system.put_in_parts("composite.wav", parts, checksums=True)
    assert watched.take(event_of(system, key)).work.audio_id == sha256(parts)
    assert len(watched.reads) >= 1 + 6


def filled(size_bytes: int) -> bytes:
    """Speech in a file of exactly so many bytes; 0: as small as it is."""
    bare = len(spoken())
    content = spoken(padding_bytes=max(16, size_bytes - bare + 16))
    assert not size_bytes or len(content) == size_bytes
    return content


def test_the_metadata_of_an_object_are_options_of_its_job(system: Installation, watched: Watched) -> None:
    options = {"murmur-language": "pt", "Murmur-Formats": "srt,words", "murmur-priority": "low", "author": "Ana"}
    key = system.put("with options.wav", spoken(), Metadata=options)
    requested = watched.take(event_of(system, key))
    assert (requested.work.decoding.language, requested.job.lane, requested.refused) == ("pt", "bulk", None)
    assert requested.job.files == (f"{key}.srt", f"{key}.words.json")
    assert b" --> " in system.file(requested.job.files[0])
    assert b'"words"' in system.file(requested.job.files[1])  # the last one that is written
    listed = system.s3.list_objects_v2(Bucket="results", Prefix=key)["Contents"]
    assert {each["Key"] for each in listed} == set(requested.job.files)
