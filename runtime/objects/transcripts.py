"""Finished transcripts in the work bucket. Written by the coordinator; read by it, by gateways and by the store sink."""

import threading
from datetime import datetime

import orjson
from cachetools import LRUCache

from runtime import long_json
from runtime.gc_pause import gc_paused
from runtime.objects import keys
from runtime.objects.store import NotFound, ObjectStore
from schemas import codec
from schemas.record import ObjectRef
from schemas.segment import Segment
from schemas.transcript import Transcript

RECENT = 256
ONE_CALL_BYTES = 256 * 1024


class Transcripts:
    """Remembers the last few. From any thread."""

    def __init__(self, objects: ObjectStore, bucket: str) -> None:
        self._objects = objects
        self._bucket = bucket
        self._recent: LRUCache[str, tuple[str | None, Transcript]] = LRUCache(RECENT)  # with the object's eTag
        self._lock = threading.Lock()

    def write(self, transcript: Transcript) -> ObjectRef:
        """Blocks. Raises StoreUnavailable. Writing again overwrites with the same."""
        key = keys.transcript_key(transcript.work_id)
        info = self._objects.put(self._bucket, key, codec.encode(transcript), content_type="application/json")
        self._remember(key, info.etag, transcript)
        return info.ref

    def read(self, work_id: str, not_before: datetime | None = None) -> Transcript:
        """`not_before`: when it was made; an earlier one in memory has been replaced in the store. Blocks. Raises NotFound,
        StoreUnavailable, or Undecodable for a file that another program wrote there."""
        key = keys.transcript_key(work_id)
        with self._lock:
            known = self._recent.get(key)
            if known is not None and (not_before is None or known[1].created_at >= not_before):
                return known[1]
        return self._read(key, work_id, None)

    def read_stored(self, work_id: str) -> Transcript:
        """As `read()`, and only what the store still has: an object that was damaged since is not answered from memory."""
        key = keys.transcript_key(work_id)
        etag = self._objects.head(self._bucket, key).etag
        with self._lock:
            known = self._recent.pop(key, None)
            if known is not None and known[0] == etag:
                self._recent[key] = known
                return known[1]
        return self._read(key, work_id, etag)

    def find(self, work_id: str, after: datetime | None = None) -> ObjectRef | None:
        """Where a finished transcript of this work is, if there is one that was written `after` then. Blocks; raises
        StoreUnavailable."""
        try:
            info = self._objects.head(self._bucket, keys.transcript_key(work_id))
        except NotFound:
            return None
        return info.ref if after is None or info.modified_at > after else None

    def forget(self, work_id: str) -> None:
        """After the object was deleted."""
        with self._lock:
            self._recent.pop(keys.transcript_key(work_id), None)

    def _read(self, key: str, work_id: str, etag: str | None) -> Transcript:
        transcript = _decoded(self._objects.get(self._bucket, key))
        if transcript.work_id != work_id:
            raise codec.Undecodable("wrong_work", f"{key} holds the transcript of {transcript.work_id}")
        self._remember(key, etag, transcript)
        return transcript

    def _remember(self, key: str, etag: str | None, transcript: Transcript) -> None:
        with self._lock:
            self._recent[key] = etag, transcript


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
