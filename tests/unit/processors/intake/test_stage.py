"""Events and a real folder to job requests."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID

import pytest

from processors.intake.stage import Intake
from runtime import identity
from runtime.kafka.messages import Partition, Received
from runtime.models import catalogue
from runtime.objects import ObjectInfo, ObjectStore, StoreUnavailable
from runtime.objects.directory import DirectoryStore
from runtime.objects.keys import transcript_key
from runtime.objects.names import result_keys
from runtime.probe import Probe
from runtime.settings import Settings
from schemas.codec import Undecodable
from schemas.jobs import CancelRequested, JobRequested
from schemas.record import ObjectRef
from schemas.topics import CANCELLATIONS, REQUESTS

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SETTINGS = Settings(model="demo", max_upload_bytes=1000)


@pytest.fixture
def objects(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore({name: tmp_path / name for name in ("uploads", "work", "results")})
    store.create()
    return store


def intake(objects: ObjectStore, settings: Settings = SETTINGS, probe: Probe | None = None) -> Intake:
    return Intake(objects, settings, [catalogue.resolve("demo")], lambda: NOW, probe)


def event(key: str, bucket: str = "uploads", how: str = "Put") -> bytes:
    record = {"eventName": f"s3:ObjectCreated:{how}", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}
    return json.dumps({"Records": [record]}).encode()


def requests(stage: Intake, value: bytes | None, timestamp_ms: int = 0) -> list[JobRequested]:
    outputs = list(stage(Received(Partition("uploads", 0), 0, None, value, None, timestamp_ms=timestamp_ms)))
    found = [output.value for output in outputs if isinstance(output.value, JobRequested)]
    asked = [(output.topic, output.key) for output in outputs if output.topic is not CANCELLATIONS]
    assert asked == [(REQUESTS, request.work.work_id) for request in found]
    return found


def cancelled(stage: Intake, value: bytes) -> list[tuple[UUID, str]]:
    """Jobs and works, with what else an event brings."""
    outputs = list(stage(Received(Partition("uploads", 0), 0, None, value, None)))
    found = [output.value for output in outputs if isinstance(output.value, CancelRequested)]
    assert [output.key for output in outputs if output.topic is CANCELLATIONS] == [each.work_id for each in found]
    return [(each.job_id, each.work_id) for each in found]


def test_a_dropped_object_becomes_a_request_that_names_its_content(objects: DirectoryStore) -> None:
    info = objects.put("uploads", "calls/Запись 1.wav", b"speech")
    (request,) = requests(intake(objects), event("calls/Запись 1.wav"))
    assert request.job.source == "drop"
    assert request.job.filename == "Запись 1.wav"
    assert request.job.submitted_at == NOW
    audio_id = hashlib.sha256(b"speech").hexdigest()
    assert request.job.job_id == identity.drop_job_id("uploads", "calls/Запись 1.wav", info.etag, audio_id)
    assert request.work.audio_id == audio_id
    assert request.work.audio == objects.head("uploads", "calls/Запись 1.wav").ref
    assert (request.result, request.rewrite) == (None, False)


def test_the_owner_of_drops_is_a_setting_and_part_of_the_work(objects: DirectoryStore) -> None:
    objects.put("uploads", "a.wav", b"speech")
    (default,) = requests(intake(objects), event("a.wav"))
    (owned,) = requests(intake(objects, SETTINGS.model_copy(update={"drop_owner": "archive"})), event("a.wav"))
    assert (default.job.owner, owned.job.owner) == ("default", "archive")
    assert owned.work.work_id != default.work.work_id
    assert owned.job.job_id == default.job.job_id


def test_the_name_of_a_telephone_file_without_a_header_is_part_of_the_work(objects: DirectoryStore) -> None:
    stage = intake(objects)
    works = []
    for key in ("calls/a.wav", "calls/a.gsm", "calls/A.GSM"):
        objects.put("uploads", key, b"speech")
        (request,) = requests(stage, event(key))
        works.append(request.work)
    assert [work.slicing.raw_format for work in works] == [None, "gsm", "gsm"]
    assert works[0].work_id != works[1].work_id == works[2].work_id


def test_the_same_event_again_gives_the_same_job_and_work(objects: DirectoryStore) -> None:
    objects.put("uploads", "a.wav", b"speech")
    first = requests(intake(objects), event("a.wav"))
    stage = intake(objects)
    assert requests(stage, event("a.wav")) == requests(stage, event("a.wav", how="Copy")) == first


def test_a_changed_object_is_another_job_and_a_copy_is_another_job_of_the_same_work(objects: DirectoryStore) -> None:
    stage = intake(objects)
    objects.put("uploads", "a.wav", b"speech")
    (first,) = requests(stage, event("a.wav"))
    objects.put("uploads", "a.wav", b"other speech")
    objects.put("uploads", "b.wav", b"speech")
    (changed,), (copied,) = requests(stage, event("a.wav")), requests(stage, event("b.wav"))
    assert changed.job.job_id != first.job.job_id
    assert changed.work.work_id != first.work.work_id
    assert copied.job.job_id != first.job.job_id
    assert copied.work.work_id == first.work.work_id


def test_a_version_that_overwrites_another_cancels_its_job_once(objects: DirectoryStore) -> None:
    stage = intake(objects)
    objects.put("uploads", "a.wav", b"speech")
    (first,) = requests(stage, event("a.wav"))
    assert cancelled(stage, event("a.wav")) == []
    objects.put("uploads", "b.wav", b"other speech")
    assert cancelled(stage, event("b.wav")) == []
    objects.put("uploads", "a.wav", b"more speech")
    assert cancelled(stage, event("a.wav")) == [(first.job.job_id, first.work.work_id)]
    assert cancelled(stage, event("a.wav")) == []


def test_the_same_content_again_cancels_nothing_because_its_work_goes_on(objects: DirectoryStore) -> None:
    stage = intake(objects)
    objects.put("uploads", "a.wav", b"speech")
    (first,) = requests(stage, event("a.wav"))
    objects.put("uploads", "a.wav", b"speech")
    assert cancelled(stage, event("a.wav")) == []
    (again,) = requests(stage, event("a.wav"))
    assert again.job.job_id != first.job.job_id


def test_versions_that_the_store_keeps_are_all_transcribed(tmp_path: Path) -> None:
    class Versioned(DirectoryStore):
        def head(self, bucket: str, key: str) -> ObjectInfo:
            found = super().head(bucket, key)
            return replace(found, version_id=found.etag)

    objects = Versioned({name: tmp_path / name for name in ("uploads", "work", "results")})
    objects.create()
    stage = intake(objects)
    objects.put("uploads", "a.wav", b"speech")
    assert len(requests(stage, event("a.wav"))) == 1
    objects.put("uploads", "a.wav", b"more speech")
    assert cancelled(stage, event("a.wav")) == []


def test_only_the_uploads_bucket_makes_jobs(objects: DirectoryStore) -> None:
    objects.put("results", "a.wav.json", b"{}")
    objects.put("work", "chunks/0", b"pcm")
    stage = intake(objects)
    assert requests(stage, event("a.wav.json", bucket="results")) == []
    assert requests(stage, event("chunks/0", bucket="work")) == []
    assert requests(stage, event("", bucket="work", how="Post")) == []


def test_a_missing_object_is_skipped(objects: DirectoryStore) -> None:
    assert requests(intake(objects), event("never.wav")) == []


@pytest.mark.parametrize("key", ["../results/x", "a/../../b", "s" * 300, "nul\0"])
def test_a_key_that_the_store_does_not_take_is_skipped(objects: DirectoryStore, key: str) -> None:
    assert requests(intake(objects), event(key)) == []


def test_the_raw_key_is_tried_before_the_decoded_one(objects: DirectoryStore) -> None:
    objects.put("uploads", "a b.wav", b"space")
    stage = intake(objects)
    (decoded,) = requests(stage, event("a+b.wav"))
    assert decoded.work.audio.key == "a b.wav"
    objects.put("uploads", "a+b.wav", b"plus")
    (raw,) = requests(stage, event("a+b.wav"))
    assert raw.work.audio.key == "a+b.wav"


def test_two_names_of_one_object_are_one_job(objects: DirectoryStore) -> None:
    objects.put("uploads", "a/b.wav", b"speech")
    settings = SETTINGS.model_copy(update={"event_dialect": "raw"})
    names = ("a/b.wav", "a//b.wav", "/a/./b.wav", "c/../a/b.wav")
    jobs = {request.job.job_id for name in names for request in requests(intake(objects, settings), event(name))}
    assert len(jobs) == 1


def test_an_event_that_names_no_object_stands_for_all_objects_of_its_time(objects: DirectoryStore, tmp_path: Path) -> None:
    for key in ("old.wav", "new.wav", "sub/new.wav"):
        objects.put("uploads", key, key.encode())
    an_hour_ago_s = datetime.now(UTC).timestamp() - 3600
    os.utime(tmp_path / "uploads" / "old.wav", (an_hour_ago_s, an_hour_ago_s))
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    found = requests(intake(objects), event("", how="Post"), timestamp_ms=now_ms)
    assert sorted(request.work.audio.key for request in found) == ["new.wav", "sub/new.wav"]


def test_an_empty_object_is_a_job_too_because_its_owner_waits_for_an_answer(objects: DirectoryStore) -> None:
    objects.put("uploads", "empty.wav", b"")
    (request,) = requests(intake(objects), event("empty.wav"))
    assert request.work.audio.size_bytes == 0


def test_what_is_too_large_is_not_read_and_still_is_a_job(tmp_path: Path) -> None:
    class NeverRead(DirectoryStore):
        def open(self, ref: ObjectRef) -> BinaryIO:
            raise AssertionError("read")

    objects = NeverRead({name: tmp_path / name for name in ("uploads", "work", "results")})
    objects.create()
    objects.put("uploads", "huge.wav", b"x" * 1001)
    (request,) = requests(intake(objects), event("huge.wav"))
    assert request.work.audio.size_bytes == 1001
    assert requests(intake(objects), event("huge.wav")) == [request]


def test_repeated_events_read_the_object_once(tmp_path: Path) -> None:
    class Counting(DirectoryStore):
        opened = 0

        def open(self, ref: ObjectRef) -> BinaryIO:
            self.opened += 1
            return super().open(ref)

    objects = Counting({name: tmp_path / name for name in ("uploads", "work", "results")})
    objects.create()
    objects.put("uploads", "a.wav", b"speech")
    stage = intake(objects)
    for _ in range(5):
        requests(stage, event("a.wav"))
    assert objects.opened == 1


def test_an_object_that_changes_while_it_is_read_is_left_to_the_event_that_follows(tmp_path: Path) -> None:
    class Changing(DirectoryStore):
        def open(self, ref: ObjectRef) -> BinaryIO:
            file = super().open(ref)
            with (self.folder(ref.bucket) / ref.key).open("ab") as more:
                more.write(b"more")
            return file

    objects = Changing({name: tmp_path / name for name in ("uploads", "work", "results")})
    objects.create()
    objects.put("uploads", "a.wav", b"speech")
    assert requests(intake(objects), event("a.wav")) == []


def test_missing_result_files_of_a_finished_transcript_are_to_be_written_again(objects: DirectoryStore) -> None:
    objects.put("uploads", "calls/a.wav", b"speech")
    stage = intake(objects)
    (first,) = requests(stage, event("calls/a.wav"))
    objects.put("work", transcript_key(first.work.work_id), b"{}")
    (missing,) = requests(stage, event("calls/a.wav"))
    assert missing.rewrite
    assert missing.result is None, "whether it answers is for the coordinator's cache to say"
    for key in result_keys("calls/a.wav"):
        objects.put("results", key, b"text")
    (complete,) = requests(stage, event("calls/a.wav"))
    assert not complete.rewrite


def test_it_waits_for_an_unavailable_store(tmp_path: Path) -> None:
    away = DirectoryStore({name: tmp_path / "unmounted" / name for name in ("uploads", "work", "results")})
    with pytest.raises(StoreUnavailable):
        requests(intake(away), event("a.wav"))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that even root cannot read is Linux's /proc/self/mem")
def test_an_object_that_cannot_be_read_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    unreadable = DirectoryStore({"uploads": Path("/proc/self"), "results": tmp_path / "results", "work": tmp_path / "results"})
    assert requests(intake(unreadable), event("mem")) == []


def test_a_folder_marker_of_a_store_is_not_a_drop() -> None:
    class WithFolder(DirectoryStore):
        def head(self, bucket: str, key: str) -> ObjectInfo:
            return ObjectInfo(bucket, key, 0, "e", NOW)

    assert requests(intake(WithFolder({})), event("folder/")) == []


@pytest.mark.parametrize("value", [None, b"", b"\x00\x01", b"[]"])
def test_what_is_not_an_event_is_a_dead_letter(objects: DirectoryStore, value: bytes | None) -> None:
    with pytest.raises(Undecodable):
        requests(intake(objects), value)


class Meddled(DirectoryStore):
    """A store that does something to the file each time it has been opened."""

    def __init__(self, root: Path, meddle: Callable[[Path], None], times: int = 1) -> None:
        super().__init__({name: root / name for name in ("uploads", "work", "results")})
        self.create()
        self._meddle = meddle
        self._times = times

    def open(self, ref: ObjectRef) -> BinaryIO:
        file = super().open(ref)
        if self._times:
            self._times -= 1
            self._meddle(self.folder(ref.bucket) / ref.key)
        return file


def swap(path: Path) -> None:
    found = path.stat()
    path.write_bytes(b"hceeps")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def rename_over(path: Path) -> None:
    path.with_name("other").write_bytes(b"other speech")
    path.with_name("other").replace(path)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b" and more")


@pytest.mark.parametrize("meddle", [swap, rename_over, append])
def test_a_job_names_the_content_that_is_there_after_it_was_read(tmp_path: Path, meddle: Callable[[Path], None]) -> None:
    objects = Meddled(tmp_path, meddle)
    objects.put("uploads", "a.wav", b"speech")
    (request,) = requests(intake(objects), event("a.wav"))
    assert request.work.audio_id == hashlib.sha256(objects.get("uploads", "a.wav")).hexdigest()
    assert request.work.audio == objects.head("uploads", "a.wav").ref


def test_content_that_was_swapped_under_the_same_size_and_time_is_another_job(objects: DirectoryStore, tmp_path: Path) -> None:
    stage = intake(objects)
    objects.put("uploads", "a.wav", b"speech")
    (before,) = requests(stage, event("a.wav"))
    swap(tmp_path / "uploads" / "a.wav")
    (after,) = requests(stage, event("a.wav"))
    assert before.work.audio.etag == after.work.audio.etag
    assert after.work.audio_id == hashlib.sha256(b"hceeps").hexdigest()
    assert before.job.job_id != after.job.job_id


def test_a_file_that_is_only_permitted_to_others_is_the_same_job(objects: DirectoryStore, tmp_path: Path) -> None:
    stage = intake(objects)
    objects.put("uploads", "a.wav", b"speech")
    (before,) = requests(stage, event("a.wav"))
    (tmp_path / "uploads" / "a.wav").chmod(0o640)
    (after,) = requests(stage, event("a.wav"))
    assert before.job.job_id == after.job.job_id


class WithMetadata:
    """A store whose objects have metadata, as those of S3; everything else is the folder's."""

    def __init__(self, objects: DirectoryStore, metadata: dict[str, str]) -> None:
        self._objects = objects
        self.metadata = metadata

    def head(self, bucket: str, key: str) -> ObjectInfo:
        return replace(self._objects.head(bucket, key), metadata=self.metadata)

    def __getattr__(self, name: str) -> object:
        return getattr(self._objects, name)


def with_metadata(objects: DirectoryStore, **metadata: str) -> ObjectStore:
    return cast(ObjectStore, WithMetadata(objects, {f"murmur-{name}": value for name, value in metadata.items()}))


def test_the_metadata_of_an_object_are_options_of_its_job(objects: DirectoryStore) -> None:
    objects.put("uploads", "calls/a.wav", b"speech")
    (usual,) = requests(intake(objects), event("calls/a.wav"))
    store = with_metadata(objects, language="pt", formats="srt,words", priority="low")
    (request,) = requests(intake(store), event("calls/a.wav"))
    assert (request.work.decoding.language, request.work.decoding.words, request.job.lane) == ("pt", True, "bulk")
    assert request.job.formats == ("srt", "words")
    assert request.job.files == ("calls/a.wav.srt", "calls/a.wav.words.json")
    assert request.refused is None
    assert request.job.job_id != usual.job.job_id  # the same content may be put again with other options
    assert (usual.job.formats, usual.job.files) == (None, result_keys("calls/a.wav"))


def test_metadata_that_cannot_be_used_fail_the_job_and_no_other(objects: DirectoryStore) -> None:
    objects.put("uploads", "a.wav", b"speech")
    (request,) = requests(intake(with_metadata(objects, priority="urgent")), event("a.wav"))
    assert request.refused is not None
    assert (request.refused.reason, request.result) == ("bad_option", None)
    assert "x-amz-meta-murmur-priority" in request.refused.message


def test_which_files_are_written_is_a_setting(objects: DirectoryStore) -> None:
    objects.put("uploads", "a.wav", b"speech")
    (request,) = requests(intake(objects, SETTINGS.model_copy(update={"result_formats": ("vtt", "tsv")})), event("a.wav"))
    assert (request.job.formats, request.job.files) == (None, ("a.wav.vtt", "a.wav.tsv"))
