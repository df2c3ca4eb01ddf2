"""Keys that are hard to write down, and every way in which an object can come into the bucket: one object, one job, its files."""

import hashlib
import json
import os
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from producers.announcer import created
from runtime.objects.s3 import S3Store
from runtime.settings import Settings
from schemas.topics import JOBS, UPLOADS
from tests.pipeline.client import Client
from tests.services.running import ENDED, Installation, dropped_key, spoken
from tests.waiting import DEADLINE_S, wait_until

MIB = 1024**2
CONTENT = spoken()  # the same under every name: transcribed once, answered from the cache after that
DEEP = "/".join(["d" * 250] * 4) + "/" + "e" * 16 + ".wav"
KEYS = {
    "space": "with space.wav",
    "plus": "a+b.wav",
    "percent": "100%.wav",
    "percent20": "a%20b.wav",
    "percent2f": "a%2Fb.wav",
    "nested": "a/b/c d+e%.wav",
    "cyrillic": "Запись/звонок.wav",
    "emoji": "🎙️ voice.wav",
    "nfd": "cafe\u0301.wav",
    "reserved": "q?&=#;:@,'\"()!*~[]{}|^`$.wav",
    "no suffix": "recording",
}
LONG_KEYS = {
    "1024 bytes": DEEP,
    "segment of 255 bytes": "s" * 251 + ".wav",
    "segment of 254 bytes, Cyrillic": "ж" * 125 + ".wav",
}


def ends(system: Installation, key: str) -> list[str]:
    """The terminal states of all jobs of this object, after intake and coordinator have read everything."""
    jobs = {request["job"]["job_id"] for request in system.requests(key)}
    assert len(jobs) == 1, jobs
    system.coordinator_has_read_all()
    found = [m.value for m in system.reader(JOBS).all() if dropped_key(m.value) == key and m.value["state"] in ENDED]
    return [job["state"] for job in found]


def lacks(request: pytest.FixtureRequest, system: Installation, store: str, reason: str) -> None:
    """On that store the test must fail, as its client is refused."""
    if system.name == store:
        request.applymarker(pytest.mark.xfail(strict=True, raises=(ClientError, Refused), reason=f"{store}: {reason}"))


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_files_are_named_exactly_as_the_object(system: Installation, key: str) -> None:
    record = system.transcript(system.put(key, CONTENT))
    assert record["result"]["files"] == [f"{key}.{name}" for name in ("json", "txt", "srt", "vtt")]
    for name in record["result"]["files"]:
        system.file(name)
    assert [name for name in system.objects("results") if name == f"{key}.txt"] == [f"{key}.txt"]
    assert ends(system, key) == ["SUCCESS"]


@pytest.mark.parametrize("key", LONG_KEYS.values(), ids=LONG_KEYS.keys())
def test_a_name_that_would_be_too_long_is_shortened_and_the_job_has_that_name(system: Installation, key: str) -> None:
    system.transcript(system.put(key, CONTENT))
    files = system.ended(key)["result"]["files"]
    digits = hashlib.sha256(key.encode()).hexdigest()[:8]
    for name, ending in zip(files, ("json", "txt", "srt", "vtt"), strict=True):
        stem, _, tail = name.rpartition("~")
        assert tail == f"{digits}.{ending}"
        assert key.startswith(stem)
        assert len(name.encode()) <= 1024
        assert max(len(segment.encode()) for segment in name.split("/")) <= 255
        system.file(name)


def test_two_spellings_of_one_accent_are_two_objects(system: Installation) -> None:
    composed, decomposed = "r\u00e9sum\u00e9.wav", "re\u0301sume\u0301.wav"
    for key in (composed, decomposed):
        system.put(key, CONTENT)
    assert system.transcript(composed)["job"]["job_id"] != system.transcript(decomposed)["job"]["job_id"]
    for name in (f"{composed}.txt", f"{decomposed}.txt"):
        system.file(name)
    assert {f"{composed}.txt", f"{decomposed}.txt"} <= set(system.objects("results"))


@pytest.mark.parametrize(
    "written", ["odd//two slashes.wav", "odd/./a dot.wav", "odd/side/../two dots.wav", "/odd/leading slash.wav"]
)
def test_an_object_that_is_listed_under_another_name_is_one_job(
    system: Installation, request: pytest.FixtureRequest, written: str
) -> None:
    if not written.startswith("/"):
        lacks(request, system, "minio", "refuses empty segments and dots (400)")
    listed = {"odd//two": "odd/two", "odd/./": "odd/", "odd/side/../": "odd/", "/odd": "odd"}
    key = next(written.replace(a, b, 1) for a, b in listed.items() if a in written and written.startswith(a))
    put_as_written(system.store.settings(), written, CONTENT)
    assert key in system.objects("uploads")
    system.transcript(key)
    put_as_written(system.store.settings(), written, CONTENT)
    system.put(key, CONTENT)
    assert ends(system, key) == ["SUCCESS"]
    assert [j for j in map(dropped_key, (m.value for m in system.reader(JOBS).seen)) if j in (written, f"/{key}")] == []


def test_a_multipart_upload_is_one_job(system: Installation) -> None:
    content = spoken(padding_bytes=6 * MIB)
    key = system.put_in_parts("in parts.wav", content)
    record = system.transcript(key)
    assert record["transcript"]["audio_id"] == hashlib.sha256(content).hexdigest()
    assert ends(system, key) == ["SUCCESS"]


def test_an_empty_object_is_a_failure_with_a_reason(system: Installation) -> None:
    job = system.ended(system.put("empty.wav", b""))
    assert (job["state"], job["error"]["reason"]) == ("FAILURE", "empty")
    assert ends(system, "empty.wav") == ["FAILURE"]


def test_a_copy_is_a_job_of_its_own(system: Installation) -> None:
    system.put("original.wav", CONTENT)
    system.s3.copy_object(Bucket="uploads", Key="copy of it.wav", CopySource={"Bucket": "uploads", "Key": "original.wav"})
    record = system.transcript("copy of it.wav")
    assert record["transcript"]["audio_id"] == hashlib.sha256(CONTENT).hexdigest()
    assert ends(system, "copy of it.wav") == ["SUCCESS"]


def test_a_presigned_put_is_a_job(system: Installation) -> None:
    key = "pre signed+.wav"
    url = system.s3.generate_presigned_url("put_object", {"Bucket": "uploads", "Key": key})
    address = urlsplit(url)
    client = Client(f"{address.scheme}://{address.netloc}")
    assert client.request("PUT", f"{address.path}?{address.query}", CONTENT).status == 200
    system.transcript(key)
    assert ends(system, key) == ["SUCCESS"]


def test_a_form_upload_is_a_job_also_where_its_event_names_no_object(system: Installation) -> None:
    key = "from a form ✓.wav"
    form = system.s3.generate_presigned_post("uploads", key)
    boundary = "a-boundary-that-no-audio-holds"
    fields = [f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form["fields"].items()]
    fields.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="x.wav"\r\n\r\n')
    body = "".join(fields).encode() + CONTENT + f"\r\n--{boundary}--\r\n".encode()
    address = urlsplit(form["url"])
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = Client(f"{address.scheme}://{address.netloc}").request("POST", address.path, body, headers)
    assert answer.status in (200, 204), answer.body
    system.transcript(key)
    assert ends(system, key) == ["SUCCESS"]
    posts = [m.value for m in system.reader(UPLOADS).all() if "ObjectCreated:Post" in json.dumps(m.value)]
    assert posts, "a store may announce it more than once"
    for post in posts:
        assert (post["Records"][0]["s3"]["object"]["key"] == "") == (system.name == "versitygw")


def test_tags_and_removals_make_no_job(system: Installation) -> None:
    key = system.put("tagged and removed.wav", CONTENT)
    system.transcript(key)
    requests = len(system.requests(key))
    announce_removals(system)
    system.s3.put_object_tagging(Bucket="uploads", Key=key, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    system.s3.delete_object_tagging(Bucket="uploads", Key=key)
    wait_until(lambda: any("Tagging" in json.dumps(event.value) for event in system.events(key)), "an event of a tag")
    system.s3.delete_object(Bucket="uploads", Key=key)
    system.s3.delete_object(Bucket="uploads", Key="never was.wav")
    wait_until(lambda: any("Removed" in json.dumps(event.value) for event in system.events(key)), "the event of its removal")
    assert len(system.requests(key)) == requests
    assert system.requests("never was.wav") == []


def test_an_object_that_is_deleted_before_intake_reads_it_is_skipped(system: Installation) -> None:
    """Its event comes again, long after; the next object is taken as ever."""
    key = system.put("gone.wav", CONTENT)
    system.transcript(key)
    (event,) = system.events(key)
    system.s3.delete_object(Bucket="uploads", Key=key)
    requests = len(system.requests(key))
    system.announce_again(event.key, event.value, times=2)
    system.transcript(system.put("after the one that is gone.wav", CONTENT))
    assert len(system.requests(key)) == requests


def test_a_file_put_into_versitygws_folder_past_it_is_a_job_although_it_has_no_etag(
    system: Installation, request: pytest.FixtureRequest
) -> None:
    """Another content under its name is another job: it is recognised by its time."""
    if system.name == "minio":
        reason = "minio: its folder holds its own format, so nothing can be put there past it"
        request.applymarker(pytest.mark.xfail(strict=True, raises=ClientError, reason=reason))
    key = "beside the gateway.wav"
    jobs = []
    for day, content in enumerate((CONTENT, spoken())):
        file = system.folder / "store" / "data" / "uploads" / key
        if system.name == "versitygw":
            file.write_bytes(content)
            os.utime(file, (day * 86_400.0 + 1e9, day * 86_400.0 + 1e9))
        assert system.s3.head_object(Bucket="uploads", Key=key).get("ETag") is None
        event = created(S3Store(system.store.settings()).head("uploads", key), "reconciler", datetime.now(UTC))
        system.announce_again(None, json.loads(event), times=2)
        jobs.append({requested["job"]["job_id"] for requested in system.requests(key)})
    assert [len(found) for found in jobs] == [1, 2]
    assert system.transcript(key)["transcript"]["text"]


def announce_removals(system: Installation) -> None:
    """An operator may have attached more than `murmur buckets apply` did; versitygw announces everything anyway."""
    if system.name == "minio":
        kept = system.s3.get_bucket_notification_configuration(Bucket="uploads")["QueueConfigurations"]
        removals: Any = {"QueueArn": kept[0]["QueueArn"], "Events": ["s3:ObjectRemoved:*"]}
        configuration: Any = {"QueueConfigurations": [*kept, removals]}
        system.s3.put_bucket_notification_configuration(Bucket="uploads", NotificationConfiguration=configuration)


class Refused(Exception):
    """The store does not take the object."""


def put_as_written(settings: Settings, key: str, content: bytes) -> None:
    """A signed PUT of a key as it is: ordinary clients resolve dots and slashes on the way."""
    assert settings.s3_secret_key is not None
    url = f"{settings.s3_endpoint}/uploads/{quote(key)}"
    request = AWSRequest("PUT", url, data=content, headers={"Content-Length": str(len(content))})
    credentials = Credentials(settings.s3_access_key or "", settings.s3_secret_key.get_secret_value())
    S3SigV4Auth(credentials, "s3", settings.s3_region).add_auth(request)
    connection = HTTPConnection(urlsplit(url).netloc, timeout=DEADLINE_S)
    try:
        connection.request("PUT", urlsplit(url).path, content, dict(request.headers.items()))
        answer = connection.getresponse()
        if answer.status != 200:
            raise Refused(f"{answer.status}: {answer.read()[:300]!r}")
    finally:
        connection.close()
