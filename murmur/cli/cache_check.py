"""`murmur doctor --verify-cache`: whether stored transcripts are of the audio that they name.

Reads every transcript of the work bucket, decodes the audio again where it is still stored, and compares lengths. Finds
transcripts of files that were changed while an earlier version of murmur read them. Changes nothing.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from processors.slicer.audio import media_file
from processors.slicer.sandbox.process import DecoderDied
from processors.slicer.slicing import Closed, Slicer
from runtime.effective_options import RAW_FORMATS
from runtime.errors import Invalid, MurmurError
from runtime.objects import NotFound, ObjectStore
from runtime.objects.keys import TRANSCRIPTS, UPLOADS
from runtime.settings import Settings
from schemas import codec
from schemas.codec import Undecodable
from schemas.options import SlicingOptions
from schemas.record import ObjectRef
from schemas.transcript import Transcript
from schemas.work import speech_s

BLOCK_BYTES = 1024 * 1024
TOLERANCE = 0.02  # of the detected speech: other limits of a chunk cut it in other places
TOLERANCE_S = 0.5


@dataclass(slots=True)
class CacheReport:
    """`wrong`: keys in the work bucket, each with what is wrong."""

    checked: int = 0
    without_audio: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield f"transcripts compared with their audio: {self.checked}; audio no longer stored: {self.without_audio}"
        for key, what in self.wrong:
            yield f"FIX  {key}: {what}"
        if self.wrong:
            yield "     delete these from the work bucket while murmur is stopped: the next request transcribes the file again"


def check_cache(objects: ObjectStore, settings: Settings, slicer: Slicer) -> CacheReport:
    """Blocks for as long as it takes to read and decode all stored audio. Raises StoreUnavailable."""
    report = CacheReport()
    transcripts = list(_transcripts(objects, settings.work_bucket, report))
    audio = _audio(objects, settings, {transcript.audio_id for _, transcript in transcripts})
    for key, transcript in transcripts:
        ref = audio.get(transcript.audio_id)
        if ref is None:
            report.without_audio += 1
            continue
        report.checked += 1
        try:
            with objects.open(ref) as file:
                what = _difference(transcript, file, ref.key, slicer)
        except (Invalid, NotFound, DecoderDied) as error:
            what = f"its audio cannot be decoded: {error}"
        if what is not None:
            report.wrong.append((key, what))
    return report


def _transcripts(objects: ObjectStore, bucket: str, report: CacheReport) -> Iterator[tuple[str, Transcript]]:
    for info in objects.list(bucket, TRANSCRIPTS):
        try:
            transcript = codec.decode(Transcript, objects.get(bucket, info.key))
        except (Undecodable, NotFound) as error:
            report.wrong.append((info.key, str(error)))
            continue
        if info.key == f"{TRANSCRIPTS}{transcript.work_id}.json":
            yield info.key, transcript
        else:
            report.wrong.append((info.key, f"it is the transcript of {transcript.work_id}"))


def _audio(objects: ObjectStore, settings: Settings, wanted: set[str]) -> Mapping[str, ObjectRef]:
    """An object with each content, by its hash."""
    found: dict[str, ObjectRef] = {}
    for bucket, prefix in ((settings.work_bucket, UPLOADS), (settings.uploads_bucket, "")):
        for info in objects.list(bucket, prefix):
            content = hashlib.sha256()
            try:
                with objects.open(info.ref) as file:
                    while block := file.read(BLOCK_BYTES):
                        content.update(block)
            except MurmurError:  # gone, or changed just now: there is nothing to compare with
                continue
            if content.hexdigest() in wanted:
                found.setdefault(content.hexdigest(), info.ref)
    return found


def _difference(transcript: Transcript, file: BinaryIO, key: str, slicer: Slicer) -> str | None:
    raw_format = RAW_FORMATS.get(f".{key.rpartition('.')[2].lower()}")
    made_with = transcript.slicing or SlicingOptions(raw_format=raw_format)
    options = made_with.model_copy(update={"track": transcript.audio_info.track})
    closed = None
    for event in slicer.slice(media_file(file), options):
        closed = event if isinstance(event, Closed) else None
    assert closed is not None
    if abs(closed.info.duration_s - transcript.duration_s) > TOLERANCE_S:
        return f"it is of {transcript.duration_s:.1f} s, the audio has {closed.info.duration_s:.1f} s"
    speech = sum(speech_s(chunk.pieces) for chunk in closed.chunks)
    if abs(speech - transcript.speech_s) > TOLERANCE_S + TOLERANCE * speech:
        return f"it is of {transcript.speech_s:.1f} s of speech, the audio has {speech:.1f} s"
    return None
