"""Transcripts in the store: read as they were written, whatever their size, and never from memory when the store has others."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.objects import NotFound
from runtime.objects.directory import DirectoryStore
from runtime.objects.keys import transcript_key
from runtime.objects.transcripts import ONE_CALL_BYTES, Transcripts
from schemas import codec
from schemas.correction import Correction
from schemas.jobs import ResultSummary
from schemas.options import DecodingOptions, ModelRef
from schemas.segment import Segment
from schemas.transcript import Transcript
from schemas.warning import TranscriptWarning
from schemas.work import AudioInfo

WORK_ID = "a" * 64


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore({"work": tmp_path})


def transcript(segments: int) -> Transcript:
    return Transcript(
        work_id=WORK_ID,
        audio_id="b" * 64,
        model=ModelRef(name="demo", revision="1"),
        decoding=DecodingOptions(),
        language="pt",
        language_probability=0.9,
        duration_s=2.0 * segments,
        speech_s=1.0 * segments,
        text="Olá. " * segments,
        segments=tuple(Segment(start=n, end=n + 1, text="Olá.") for n in range(segments)),
        audio_info=AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16000, channels=1),
        processing_s=0.5,
        created_at=datetime.now(UTC),
    )


@pytest.mark.parametrize("segments", [0, 1, 10_000])
def test_a_transcript_is_read_as_it_was_written(store: DirectoryStore, segments: int) -> None:
    written = transcript(segments)
    Transcripts(store, "work").write(written)
    assert (len(codec.encode(written)) > ONE_CALL_BYTES) == (segments == 10_000)
    assert Transcripts(store, "work").read(WORK_ID) == written


@pytest.mark.parametrize("segments", [1, 10_000])
@pytest.mark.parametrize("damage", [b'"start":0', b'"text":"Ol', b"{"], ids=["a time", "a text", "its begin"])
def test_a_damaged_transcript_is_undecodable_whatever_its_size(store: DirectoryStore, segments: int, damage: bytes) -> None:
    store.put("work", transcript_key(WORK_ID), codec.encode(transcript(segments)).replace(damage, b'"start":"x', 1))
    with pytest.raises(codec.Undecodable):
        Transcripts(store, "work").read(WORK_ID)


def test_one_that_another_process_has_replaced_is_read_again(store: DirectoryStore) -> None:
    reader, before, after = Transcripts(store, "work"), transcript(1), transcript(2)
    reader.write(before)
    Transcripts(store, "work").write(after)
    assert reader.read(WORK_ID, before.created_at) == before, "the answer of an earlier job"
    assert reader.read(WORK_ID, after.created_at) == after


def test_what_was_damaged_or_deleted_since_is_not_answered_from_memory(store: DirectoryStore) -> None:
    transcripts = Transcripts(store, "work")
    written = transcript(1)
    transcripts.write(written)
    assert transcripts.read_stored(WORK_ID) == written

    store.put("work", transcript_key(WORK_ID), b"{damaged")
    with pytest.raises(codec.Undecodable):
        transcripts.read_stored(WORK_ID)
    store.delete("work", transcript_key(WORK_ID))
    with pytest.raises(NotFound):
        transcripts.read_stored(WORK_ID)


def test_memory_is_limited_and_a_large_transcript_is_remembered_alone(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.objects.transcripts.RECENT_MAX", 2)
    monkeypatch.setattr("runtime.objects.transcripts.RECENT_BYTES", 100_000)
    transcripts, ids = Transcripts(store, "work"), [f"{number:064x}" for number in range(3)]

    def write(segments: int, *work_ids: str) -> None:
        for work_id in work_ids:
            transcripts.write(transcript(segments).model_copy(update={"work_id": work_id}))
            store.delete("work", transcript_key(work_id))

    def remembered(*work_ids: str) -> list[int]:
        return [len(transcripts.read(work_id).segments) for work_id in work_ids]

    write(1, *ids)
    assert remembered(*ids[1:]) == [1, 1]
    write(1000, WORK_ID)
    assert remembered(WORK_ID) == [1000]
    for gone in ids:
        with pytest.raises(NotFound):
            transcripts.read(gone)
    transcripts.forget(WORK_ID)
    with pytest.raises(NotFound):
        transcripts.read(WORK_ID)


def corrected(raw: Transcript, version: str = "v1", *, is_complete: bool = True) -> Transcript:
    correction = Correction(version=version, segments_changed=1, is_complete=is_complete)
    return raw.model_copy(update={"text": "OLÁ.", "raw_text": raw.text, "correction": correction})


def summary(transcripts: Transcripts, raw: Transcript, text: Transcript | None = None, **more: object) -> ResultSummary:
    where = transcripts.write(raw)
    ref = transcripts.write_corrected(text) if text is not None else None
    facts = {"language": "pt", "duration_s": 2.0, "speech_s": 1.0, "transcribed_at": raw.created_at, **more}
    return ResultSummary.model_validate({"transcript": where, "corrected": ref, **facts})


def test_the_result_of_a_job_is_its_corrected_text_with_the_raw_one_beside_it(store: DirectoryStore) -> None:
    raw = transcript(1)
    result = summary(Transcripts(store, "work"), raw, corrected(raw))
    reader = Transcripts(store, "work")
    assert reader.read_result(WORK_ID, result) == corrected(raw)
    assert reader.read(WORK_ID) == raw
    assert reader.corrected_ref(corrected(raw)).key == (result.corrected and result.corrected.key)


def test_without_a_corrected_text_the_raw_one_is_the_result_and_says_why(store: DirectoryStore) -> None:
    raw, why = transcript(1), TranscriptWarning(code="uncorrected", message="too late")
    transcripts = Transcripts(store, "work")
    assert transcripts.read_result(WORK_ID, summary(transcripts, raw)) == raw
    assert transcripts.read_result(WORK_ID, summary(transcripts, raw, uncorrected=why)) == raw.with_warning(why)
    assert transcripts.read_result(WORK_ID, None) == raw
    assert transcripts.read(WORK_ID) == raw


def test_a_corrected_text_that_was_deleted_is_replaced_by_the_raw_one_with_a_warning(store: DirectoryStore) -> None:
    raw = transcript(1)
    result = summary(Transcripts(store, "work"), raw, corrected(raw))
    transcripts = Transcripts(store, "work")
    transcripts.delete_corrected(WORK_ID)
    found = transcripts.read_result(WORK_ID, result)
    assert (found.text, [warning.code for warning in found.warnings]) == (raw.text, ["uncorrected"])


def test_a_correction_that_was_completed_later_is_not_that_of_the_earlier_job(store: DirectoryStore) -> None:
    """Also for a reader that has the earlier one in memory: both are of the same transcript and the same rules."""
    raw, writer, reader = transcript(1), Transcripts(store, "work"), Transcripts(store, "work")
    texts = [corrected(raw, is_complete=False), corrected(raw, is_complete=False), corrected(raw)]
    results = [
        ResultSummary(
            transcript=writer.write(raw),
            language="pt",
            duration_s=2.0,
            speech_s=1.0,
            transcribed_at=raw.created_at,
            corrected=writer.write_corrected(text.model_copy(update={"text": str(number)}), f"0-{number}"),
        )
        for number, text in enumerate(texts)
    ]
    assert [reader.read_result(WORK_ID, result).text for result in results] == ["0", "1", "2"]


def test_only_a_complete_correction_of_this_transcript_is_used_again(store: DirectoryStore) -> None:
    raw, transcripts = transcript(1), Transcripts(store, "work")
    assert transcripts.read_corrected(WORK_ID, "v1", raw.created_at) is None
    transcripts.write_corrected(corrected(raw, is_complete=False))
    assert transcripts.read_corrected(WORK_ID, "v1", raw.created_at) is None
    transcripts.write_corrected(corrected(raw))
    assert transcripts.read_corrected(WORK_ID, "v1", raw.created_at) == corrected(raw)
    assert transcripts.read_corrected(WORK_ID, "v2", raw.created_at) is None
    assert transcripts.read_corrected(WORK_ID, "v1", transcript(1).created_at) is None
