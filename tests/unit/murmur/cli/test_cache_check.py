"""Which stored transcripts are not of the audio that they name."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from murmur.cli.cache_check import CacheReport, check_cache
from processors.slicer.decode import open_audio
from processors.slicer.slicing import Closed, Slicer
from processors.slicer.vad import load_session
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from runtime.settings import Settings
from schemas.options import DecodingOptions, ModelRef, SlicingOptions
from schemas.transcript import Transcript
from schemas.work import speech_s
from tests.clips import BY_NAME

SLICER = Slicer(open_audio, load_session(), 600)
CLIP, OTHER = "en-parallel.flac", "pt-command.wav"


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore({name: tmp_path / name for name in ("uploads", "work", "results")})
    store.create()
    return store


def transcript(name: str, read: str, work_id: str = "a" * 64, slicing: SlicingOptions | None = None) -> Transcript:
    """Of the content of `name`, while `read` was read. Without `slicing`: as by an earlier version."""
    with BY_NAME[read].path.open("rb") as file:
        *_, closed = SLICER.slice(file, slicing or SlicingOptions(max_chunk_s=10))
    assert isinstance(closed, Closed)
    return Transcript(
        work_id=work_id,
        audio_id=hashlib.sha256(BY_NAME[name].path.read_bytes()).hexdigest(),
        model=ModelRef(name="demo", revision="1"),
        decoding=DecodingOptions(),
        slicing=slicing,
        language="en",
        language_probability=0.9,
        duration_s=closed.info.duration_s,
        speech_s=sum(speech_s(chunk.pieces) for chunk in closed.chunks),
        text="",
        segments=(),
        audio_info=closed.info,
        processing_s=0.5,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
    )


def check(store: DirectoryStore) -> CacheReport:
    return check_cache(store, Settings(model="demo"), SLICER)


@pytest.mark.parametrize(("bucket", "key"), [("uploads", "calls/talk.flac"), ("work", "uploads/1")])
def test_a_transcript_of_its_own_audio_is_right_and_one_of_another_is_found(store: DirectoryStore, bucket: str, key: str) -> None:
    store.put(bucket, key, BY_NAME[CLIP].path.read_bytes())
    Transcripts(store, "work").write(transcript(CLIP, CLIP))
    assert (check(store).checked, check(store).wrong) == (1, [])
    Transcripts(store, "work").write(transcript(CLIP, OTHER, "b" * 64))
    report = check(store)
    assert [key for key, _ in report.wrong] == [f"results/{'b' * 64}.json"]
    assert any("b" * 64 in line for line in report.lines())


def test_audio_is_cut_again_with_the_options_of_its_transcript(store: DirectoryStore) -> None:
    slicing = SlicingOptions(min_silence_s=0.1, speech_pad_s=0)
    store.put("uploads", "calls/talk.flac", BY_NAME[CLIP].path.read_bytes())
    Transcripts(store, "work").write(transcript(CLIP, CLIP, slicing=slicing))
    assert (check(store).checked, check(store).wrong) == (1, [])


def test_what_cannot_be_compared_is_counted_and_what_is_no_transcript_is_found(store: DirectoryStore) -> None:
    Transcripts(store, "work").write(transcript(CLIP, CLIP))
    store.put("work", f"results/{'c' * 64}.json", b"{}")
    report = check(store)
    assert (report.checked, report.without_audio) == (0, 1)
    assert [key for key, _ in report.wrong] == [f"results/{'c' * 64}.json"]
