"""Finished transcripts in the work bucket. Written by the coordinator, corrected ones by the corrector; read by them, by gateways
and by the sinks that deliver them."""

import threading
from datetime import datetime

import orjson
from cachetools import LRUCache

from runtime import long_json
from runtime.gc_pause import gc_paused
from runtime.objects import keys
from runtime.objects.store import NotFound, ObjectStore
from schemas import codec
from schemas.jobs import ResultSummary
from schemas.record import ObjectRef
from schemas.segment import Segment
from schemas.transcript import Transcript
from schemas.warning import TranscriptWarning

RECENT_BYTES = 8 * 1024 * 1024
RECENT_MAX = 256
SMALL_BYTES = 16 * 1024  # decoded in a third of a millisecond
DECODED = 10  # times as much memory as the JSON of a transcript
ONE_CALL_BYTES = 256 * 1024
CORRECTED_GONE = TranscriptWarning(
    code="uncorrected", message="the corrected text is no longer in the store: this is the raw one"
)


class _Known:
    """A transcript in memory, with the eTag of its object where that was asked for. A small one as JSON."""

    __slots__ = ("_raw", "_transcript", "created_at", "etag", "size_bytes")

    def __init__(self, etag: str | None, raw: bytes, transcript: Transcript) -> None:
        is_small = len(raw) <= SMALL_BYTES
        self.etag, self.created_at = etag, transcript.created_at
        self._raw = raw if is_small else b""
        self._transcript = None if is_small else transcript
        self.size_bytes = len(raw) if is_small else DECODED * len(raw)

    def decoded(self) -> Transcript:
        return self._transcript or codec.decode(Transcript, self._raw)


def _share(known: _Known) -> int:
    """Of the bytes for all: one that is larger than that is kept alone, and there are never more than `RECENT_MAX`."""
    return min(max(known.size_bytes, RECENT_BYTES // RECENT_MAX), RECENT_BYTES)


class Transcripts:
    """Remembers the last few. From any thread."""

    def __init__(self, objects: ObjectStore, bucket: str) -> None:
        self._objects = objects
        self._bucket = bucket
        self._recent: LRUCache[str, _Known] = LRUCache(RECENT_BYTES, getsizeof=_share)
        self._lock = threading.Lock()

    def write(self, transcript: Transcript) -> ObjectRef:
        """Blocks. Raises StoreUnavailable. Writing again overwrites with the same."""
        key = keys.transcript_key(transcript.work_id)
        return self._write(key, transcript)

    def write_corrected(self, transcript: Transcript, run: str = "") -> ObjectRef:
        """As `write()`, beside the raw one. One that is not complete is only for the jobs of this `run`: later ones, for which it
        is corrected again, have another under another key."""
        assert transcript.correction is not None
        version = transcript.correction.version
        name = version if transcript.correction.is_complete else f"{version}-{run}"
        key = keys.corrected_key(transcript.work_id, name)
        return self._write(key, transcript)

    def corrected_ref(self, transcript: Transcript) -> ObjectRef:
        """Where `write_corrected()` has put it, if it is complete."""
        assert transcript.correction is not None
        return ObjectRef(bucket=self._bucket, key=keys.corrected_key(transcript.work_id, transcript.correction.version))

    def read_result(self, work_id: str, result: ResultSummary | None) -> Transcript:
        """The result of a job: the corrected transcript if it has one, else the raw one. Raises as `read()`: a corrected one that
        is no longer there is replaced by the raw one, with a warning."""
        made_at = result.transcribed_at if result is not None else None
        if result is None or result.corrected is None:
            return self.read(work_id, made_at).with_warning(result.uncorrected if result is not None else None)
        try:
            return self.read_at(result.corrected, work_id, made_at)
        except NotFound:
            return self.read(work_id, made_at).with_warning(CORRECTED_GONE)

    def read_text(self, work_id: str, result: ResultSummary | None) -> str:
        """The text alone of what `read_result()` returns, which is not remembered. Raises as `read()`."""
        corrected = result.corrected if result is not None else None
        try:
            raw = self._objects.get(self._bucket, corrected.key if corrected is not None else keys.transcript_key(work_id))
        except NotFound:
            if corrected is None:
                raise
            raw = self._objects.get(self._bucket, keys.transcript_key(work_id))
        return _text(raw, work_id)

    def read_at(self, ref: ObjectRef, work_id: str, not_before: datetime | None = None) -> Transcript:
        """The corrected transcript at this address. Raises as `read()`."""
        return self._read_known(ref.key, work_id, not_before)

    def read_corrected(self, work_id: str, version: str, made_at: datetime) -> Transcript | None:
        """The corrected text of the transcript that was made then; None: there is none that is complete. Raises
        StoreUnavailable."""
        try:
            transcript = self._read_known(keys.corrected_key(work_id, version), work_id, made_at)
        except (NotFound, codec.Undecodable):
            return None
        is_usable = transcript.created_at == made_at and transcript.correction is not None and transcript.correction.is_complete
        return transcript if is_usable else None

    def delete_corrected(self, work_id: str) -> None:
        """All corrected texts of the work, and the answers of the corrector's model that are in them. Blocks."""
        for info in list(self._objects.list(self._bucket, keys.corrected_prefix(work_id))):
            self._objects.delete(self._bucket, info.key)
            with self._lock:
                self._recent.pop(info.key, None)
        for info in list(self._objects.list(self._bucket, keys.answers_prefix(work_id))):
            if (found := keys.answers_of(info.key)) is not None:
                self._objects.delete(self._bucket, keys.answered_key(found[1], work_id))
            self._objects.delete(self._bucket, info.key)

    def read(self, work_id: str, not_before: datetime | None = None) -> Transcript:
        """`not_before`: when it was made; an earlier one in memory has been replaced in the store. Blocks. Raises NotFound,
        StoreUnavailable, or Undecodable for a file that another program wrote there."""
        return self._read_known(keys.transcript_key(work_id), work_id, not_before)

    def read_stored(self, work_id: str) -> Transcript:
        """As `read()`, and only what the store still has: an object that was damaged since is not answered from memory."""
        key = keys.transcript_key(work_id)
        etag = self._objects.head(self._bucket, key).etag
        with self._lock:
            known = self._recent.pop(key, None)
            if known is not None and known.etag == etag:
                self._recent[key] = known
            else:
                known = None
        return known.decoded() if known is not None else self._read(key, work_id, etag)

    def find(self, work_id: str, after: datetime | None = None) -> ObjectRef | None:
        """Where a finished transcript of this work is, if there is one that was written `after` then. Blocks; raises
        StoreUnavailable."""
        try:
            info = self._objects.head(self._bucket, keys.transcript_key(work_id))
        except NotFound:
            return None
        return info.ref if after is None or info.modified_at > after else None

    def forget(self, work_id: str) -> None:
        """After the object was deleted, or when nothing will ask for it soon."""
        with self._lock:
            self._recent.pop(keys.transcript_key(work_id), None)

    def _read_known(self, key: str, work_id: str, not_before: datetime | None) -> Transcript:
        with self._lock:
            known = self._recent.get(key)
        if known is not None and (not_before is None or known.created_at >= not_before):
            return known.decoded()
        return self._read(key, work_id, None)

    def _read(self, key: str, work_id: str, etag: str | None) -> Transcript:
        raw = self._objects.get(self._bucket, key)
        transcript = _decoded(raw)
        if transcript.work_id != work_id:
            raise codec.Undecodable("wrong_work", f"{key} holds the transcript of {transcript.work_id}")
        self._remember(key, _Known(etag, raw, transcript))
        return transcript

    def _write(self, key: str, transcript: Transcript) -> ObjectRef:
        raw = codec.encode(transcript)
        info = self._objects.put(self._bucket, key, raw, content_type="application/json")
        self._remember(key, _Known(info.etag, raw, transcript))
        return info.ref

    def _remember(self, key: str, known: _Known) -> None:
        with self._lock:
            self._recent[key] = known


def _decoded(raw: bytes) -> Transcript:
    """Segment by segment if it is large: validating all in one call would stop every other thread for as long, a second for ten
    hours with word times."""
    if len(raw) <= ONE_CALL_BYTES:
        return codec.decode(Transcript, raw)
    try:
        with gc_paused():
            fields, segments = long_json.read(raw, "segments", Segment.model_validate)
        rest = orjson.dumps({**fields, "segments": []})
    except (ValueError, TypeError, RecursionError) as error:  # pydantic's ValidationError is a ValueError
        raise codec.Undecodable("wrong_schema", str(error)) from error
    return codec.decode(Transcript, rest).model_copy(update={"segments": tuple(segments)})


def _text(raw: bytes, work_id: str) -> str:
    try:
        fields, _ = long_json.read(raw, "segments", lambda _: None)
        text, of_work = fields["text"], fields["work_id"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise codec.Undecodable("wrong_schema", str(error)) from error
    if of_work != work_id or not isinstance(text, str):
        raise codec.Undecodable("wrong_work", f"the transcript of {of_work} is in the place of that of {work_id}")
    return text
