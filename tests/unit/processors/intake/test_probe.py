"""What a probe finds in a dropped file goes into its request."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from runtime.errors import Invalid
from runtime.objects import ObjectInfo
from runtime.objects.directory import DirectoryStore
from schemas.audio import ProbedAudio
from schemas.options import SlicingOptions
from schemas.record import Failure, ObjectRef
from tests.unit.processors.intake.test_stage import event, intake, objects, requests  # noqa: F401 (a fixture)


class Scripted:
    """A probe that reads a file as far as it likes."""

    def __init__(self, answer: ProbedAudio | Invalid | None) -> None:
        self.answer = answer
        self.read: list[bytes] = []

    def start(self) -> None: ...

    def close(self) -> None: ...

    def __call__(self, file: BinaryIO, options: SlicingOptions) -> ProbedAudio | None:
        file.seek(0)
        self.read.append(file.read(6))
        if isinstance(self.answer, Invalid):
            raise self.answer
        return self.answer


def test_what_the_file_states_is_in_the_request_and_the_file_is_read_once(tmp_path: Path) -> None:
    class Whole(DirectoryStore):
        def is_unchanged(self, ref: ObjectRef, file: BinaryIO) -> bool:
            assert file.read(1) == b"", "the probe has read the file, not what was read of it"
            return super().is_unchanged(ref, file)

    store = Whole({name: tmp_path / name for name in ("uploads", "work", "results")})
    store.create()
    store.put("uploads", "a.wav", b"speech and more")
    probe = Scripted(ProbedAudio(container="wav", codec="pcm_s16le", duration_s=1.0))
    stage = intake(store, probe=probe)
    (request,) = requests(stage, event("a.wav"))
    assert request.job.audio == probe.answer
    assert request.refused is None
    assert requests(stage, event("a.wav")) == [request]
    assert probe.read == [b"speech"]


def test_what_cannot_be_transcribed_is_requested_with_its_reason_so_that_the_job_fails(objects: DirectoryStore) -> None:  # noqa: F811
    objects.put("uploads", "a.mp3", b"a letter")
    stage = intake(objects, probe=Scripted(Invalid("unsupported", "this is not audio")))
    (request,) = requests(stage, event("a.mp3"))
    assert request.refused == Failure(reason="unsupported", message="this is not audio")
    assert request.work.audio_id == hashlib.sha256(b"a letter").hexdigest()
    assert requests(stage, event("a.mp3")) == [request]


def test_an_object_whose_hash_the_store_has_is_only_probed(tmp_path: Path) -> None:
    class Hashing(DirectoryStore):
        def head(self, bucket: str, key: str) -> ObjectInfo:
            return replace(super().head(bucket, key), sha256="e" * 64)

    store = Hashing({name: tmp_path / name for name in ("uploads", "work", "results")})
    store.create()
    store.put("uploads", "a.wav", b"speech and more")
    probe = Scripted(ProbedAudio(container="wav", codec="pcm_s16le"))
    (request,) = requests(intake(store, probe=probe), event("a.wav"))
    assert (request.work.audio_id, request.job.audio) == ("e" * 64, probe.answer)
    assert probe.read == [b"speech"]
