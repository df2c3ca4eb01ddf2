"""Transcripts to files in a real folder."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from runtime.formats import FORMATS
from runtime.kafka.messages import Partition, Received
from runtime.objects import StoreUnavailable
from runtime.objects.directory import DirectoryStore
from runtime.objects.names import result_keys
from runtime.objects.transcripts import Transcripts
from runtime.settings import Settings
from schemas.codec import Undecodable
from schemas.jobs import Job, JobChanged, ResultSummary, State
from schemas.options import DecodingOptions, ModelRef
from schemas.record import Failure, ObjectRef
from schemas.segment import Segment
from schemas.transcript import Transcript, TranscriptCompleted
from schemas.work import AudioInfo
from sinks.store import StoreSink

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WORK_ID = "ab" * 32
TRANSCRIPT = Transcript(
    work_id=WORK_ID,
    audio_id="cd" * 32,
    model=ModelRef(name="demo", revision="1"),
    decoding=DecodingOptions(),
    language="en",
    language_probability=0.9,
    duration_s=2.0,
    speech_s=1.5,
    text="Good morning.",
    segments=(Segment(start=0.2, end=1.7, text="Good morning."),),
    audio_info=AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1),
    processing_s=0.5,
    created_at=NOW,
)


@pytest.fixture
def objects(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore({bucket: tmp_path / bucket for bucket in ("uploads", "work", "results")})
    store.create()
    return store


def sink(objects: DirectoryStore) -> StoreSink:
    return StoreSink(objects, Transcripts(objects, "work"), Settings(), "error.txt")


def completed(files: tuple[str, ...], transcript: Transcript | None = TRANSCRIPT, **job: Any) -> Received[TranscriptCompleted]:
    event = TranscriptCompleted(
        job=Job(job_id=UUID(int=1), filename="a.wav", submitted_at=NOW, **{"source": "drop", **job}),
        work_id=WORK_ID,
        completed_at=NOW,
        cached=False,
        result=ResultSummary(
            transcript=ObjectRef(bucket="work", key="results/x"), language="en", duration_s=2.0, speech_s=1.5, files=files
        ),
        transcript=transcript,
    )
    return Received(Partition("transcripts", 0), 0, None, None, event=event)


def written(objects: DirectoryStore) -> dict[str, bytes]:
    return {info.key: objects.get("results", info.key) for info in objects.list("results")}


def test_a_drops_transcript_becomes_four_files_beside_each_other_in_its_own_folder(objects: DirectoryStore) -> None:
    assert list(sink(objects)(completed(result_keys("calls/a.wav")))) == []
    assert written(objects) == {f"calls/a.wav.{name}": FORMATS[name].write(TRANSCRIPT) for name in ("json", "txt", "srt", "vtt")}


def test_writing_again_changes_nothing(objects: DirectoryStore) -> None:
    sink(objects)(completed(result_keys("a.wav")))
    once = written(objects)
    sink(objects)(completed(result_keys("a.wav")))
    assert written(objects) == once


def test_an_older_job_of_a_key_that_was_overwritten_writes_nothing(objects: DirectoryStore) -> None:
    old = objects.put("uploads", "a.wav", b"first").ref
    new = objects.put("uploads", "a.wav", b"second").ref
    sink(objects)(completed(result_keys("a.wav"), dropped=old))
    assert written(objects) == {}
    sink(objects)(completed(result_keys("a.wav"), dropped=new))
    assert len(written(objects)) == 4


@pytest.mark.parametrize("unknown", [{}, {"etag": None, "version_id": "3"}, {"etag": None}])
def test_a_missing_object_or_one_without_a_version_counts_as_having_its_files(
    objects: DirectoryStore, unknown: dict[str, Any]
) -> None:
    dropped = objects.put("uploads", "a.wav", b"first").ref.model_copy(update=unknown)
    if not unknown:
        objects.delete("uploads", "a.wav")
    sink(objects)(completed(result_keys("a.wav"), dropped=dropped))
    assert len(written(objects)) == 4


def test_a_job_of_the_gateway_writes_nothing(objects: DirectoryStore) -> None:
    sink(objects)(completed((), source="http"))
    assert written(objects) == {}


def test_a_transcript_too_long_for_its_record_is_read_from_the_work_bucket(objects: DirectoryStore) -> None:
    Transcripts(objects, "work").write(TRANSCRIPT)
    sink(objects)(completed(result_keys("a.wav"), transcript=None))
    assert b"Good morning." in written(objects)["a.wav.txt"]


def test_a_missing_transcript_is_a_dead_letter(objects: DirectoryStore) -> None:
    with pytest.raises(Undecodable) as error:
        sink(objects)(completed(result_keys("a.wav"), transcript=None))
    assert error.value.reason == "transcript_gone"


def test_a_name_that_the_store_refuses_is_a_dead_letter(objects: DirectoryStore) -> None:
    objects.put("results", "a.wav", b"a file where a folder is needed")
    with pytest.raises(Undecodable) as error:
        sink(objects)(completed(("a.wav/b.wav.txt",)))
    assert error.value.reason == "bad_key"


def test_a_format_of_a_newer_version_is_a_dead_letter(objects: DirectoryStore) -> None:
    with pytest.raises(Undecodable) as error:
        sink(objects)(completed(("a.wav.docx",)))
    assert error.value.reason == "unknown_format"


def test_it_waits_for_an_unavailable_store(tmp_path: Path) -> None:
    away = DirectoryStore({"work": tmp_path / "no", "results": tmp_path / "no"})
    with pytest.raises(StoreUnavailable):
        sink(away)(completed(result_keys("a.wav")))


def ended(dropped: ObjectRef | None, state: State = "FAILURE", at: datetime = NOW, **job: Any) -> Received[JobChanged]:
    event = JobChanged(
        job=Job(job_id=UUID(int=2), filename="a\n.wav", submitted_at=NOW, source="drop", dropped=dropped, **job),
        work_id=WORK_ID,
        audio_id="cd" * 32,
        model=TRANSCRIPT.model,
        state=state,
        changed_at=at,
        error=Failure(reason="corrupt", message="the header is cut off") if state == "FAILURE" else None,
    )
    return Received(Partition("jobs", 0), 0, None, None, event=event)


def test_a_failed_drop_has_a_file_with_the_reason(objects: DirectoryStore) -> None:
    dropped = objects.put("uploads", "calls/a.wav", b"speech").ref
    sink(objects)(ended(dropped))
    (content,) = [written(objects)["calls/a.wav.error.txt"]]
    assert b"corrupt" in content
    assert b"the header is cut off" in content
    assert rb"a\n.wav" in content
    StoreSink(objects, Transcripts(objects, "work"), Settings(), "error.json")(ended(dropped))
    assert json.loads(written(objects)["calls/a.wav.error.json"])["reason"] == "corrupt"


def test_a_later_success_removes_it(objects: DirectoryStore) -> None:
    sink(objects)(ended(objects.put("uploads", "a.wav", b"first").ref))
    dropped = objects.put("uploads", "a.wav", b"second").ref
    sink(objects)(completed(result_keys("a.wav"), dropped=dropped))
    assert "a.wav.error.txt" not in written(objects)


def test_a_failure_of_an_older_version_or_before_a_success_leaves_no_word(objects: DirectoryStore) -> None:
    old = objects.put("uploads", "a.wav", b"first").ref
    new = objects.put("uploads", "a.wav", b"second").ref
    sink(objects)(ended(old))
    sink(objects)(completed(result_keys("a.wav"), dropped=new))
    sink(objects)(ended(new, at=datetime.now(UTC) - timedelta(minutes=1)))
    assert "a.wav.error.txt" not in written(objects)


def test_a_job_that_is_gone_leaves_its_files(objects: DirectoryStore) -> None:
    sink(objects)(completed(result_keys("a.wav")))
    files = written(objects)
    sink(objects)(Received(Partition("jobs", 0), 9, b"a job id", None, event=None))
    assert written(objects) == files


def test_only_failures_of_drops_leave_a_file(objects: DirectoryStore) -> None:
    dropped = objects.put("uploads", "a.wav", b"first").ref
    for record in (ended(None), ended(dropped, "REVOKED"), ended(dropped, "STARTED")):
        sink(objects)(record)
    assert written(objects) == {}


def test_the_longest_name_has_its_error_file_too(objects: DirectoryStore) -> None:
    sink(objects)(ended(objects.put("uploads", "n" * 255, b"first").ref))
    (name,) = written(objects)
    assert name.endswith(".error.txt")


def test_a_folder_where_a_result_should_go_keeps_no_other_result_from_being_written(
    objects: DirectoryStore, tmp_path: Path
) -> None:
    (tmp_path / "results" / "a.wav.json").mkdir()
    with pytest.raises(Undecodable) as error:
        sink(objects)(completed(result_keys("a.wav")))
    assert error.value.reason == "bad_key"
    assert set(written(objects)) == {"a.wav.txt", "a.wav.srt", "a.wav.vtt"}


def test_the_files_are_those_of_the_job(objects: DirectoryStore) -> None:
    dropped = objects.put("uploads", "a.words", b"speech").ref
    sink(objects)(completed(result_keys("a.words", ("json", "words", "verbose_json", "tsv")), dropped=dropped))
    names = {"json": "a.words.json", "words": "a.words.words.json", "verbose_json": "a.words.verbose.json", "tsv": "a.words.tsv"}
    assert written(objects) == {key: FORMATS[name].write(TRANSCRIPT) for name, key in names.items()}


def test_subtitles_keep_to_the_limits_in_the_settings(objects: DirectoryStore) -> None:
    narrow = StoreSink(objects, Transcripts(objects, "work"), Settings(subtitle_line_chars=10), "error.txt")
    narrow(completed(result_keys("a.wav", ("srt",))))
    assert b"Good\nmorning.\n" in written(objects)["a.wav.srt"]


def test_a_failure_does_not_hide_newer_results_in_another_format(objects: DirectoryStore) -> None:
    dropped = objects.put("uploads", "a.wav", b"first").ref
    failed = ended(dropped)
    sink(objects)(completed(result_keys("a.wav", ("vtt",)), dropped=dropped))
    sink(objects)(failed)
    assert written(objects).keys() == {"a.wav.vtt"}
