"""Finished transcripts to files for users: `<key>.json`, `.txt`, `.srt`, `.vtt` in the results bucket, for every drop.

Fed by the coordinator. Writing again overwrites with the same. The files of a key are those of its newest object: a job of an
older one that ends later writes none.
"""

from collections.abc import Iterable

from runtime.formats import FORMATS
from runtime.kafka.each import EachRecord
from runtime.kafka.loop import Loop
from runtime.kafka.messages import Output, Received
from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectStore
from runtime.objects.store import BadKey
from runtime.objects.transcripts import Transcripts
from runtime.resources import Resources, Stage
from schemas.codec import Undecodable
from schemas.record import ObjectRef
from schemas.topics import TRANSCRIPTS
from schemas.transcript import Transcript, TranscriptCompleted

log = get_logger(__name__)


def build(resources: Resources) -> Stage:
    settings = resources.settings
    transcripts = Transcripts(resources.objects, settings.work_bucket)
    return Loop(
        "store", resources.kafka, [TRANSCRIPTS], EachRecord(StoreSink(resources.objects, settings.results_bucket, transcripts))
    )


class StoreSink:
    """A function of one record, for `EachRecord`. Raises Retry while the store is unavailable."""

    def __init__(self, objects: ObjectStore, bucket: str, transcripts: Transcripts) -> None:
        self._objects = objects
        self._bucket = bucket
        self._transcripts = transcripts

    def __call__(self, record: Received[TranscriptCompleted]) -> Iterable[Output]:
        """Raises Undecodable if waiting would not help: the dead letter can be replayed once the cause is fixed."""
        event = record.event
        if not event.result.files:
            return ()  # a job of the gateway's: its caller fetches the text there
        if event.job.dropped is not None and self._overwritten(event.job.dropped):
            log.debug("files.skipped", job_id=str(event.job.job_id), file=event.job.dropped.key, reason="overwritten")
            return ()
        transcript = event.transcript or self._read(event.work_id)
        for key in event.result.files:
            form = FORMATS.get(key.rpartition(".")[2])
            if form is None:
                raise Undecodable("unknown_format", f"this version of murmur cannot write {key!r}")
            try:
                self._objects.put(self._bucket, key, form.write(transcript), content_type=form.content_type)
            except BadKey as error:
                raise Undecodable("bad_key", str(error)) from error
        log.debug("files.written", job_id=str(event.job.job_id), objects=list(event.result.files))
        return ()

    def _overwritten(self, dropped: ObjectRef) -> bool:
        """A deleted object has no newer version: its files are written. Neither has one without a known version."""
        try:
            now = self._objects.head(dropped.bucket, dropped.key)
        except (NotFound, BadKey):
            return False
        pairs = ((dropped.version_id, now.version_id), (dropped.etag, now.etag))
        return next((then != current for then, current in pairs if then and current), False)

    def _read(self, work_id: str) -> Transcript:
        try:
            return self._transcripts.read(work_id)
        except NotFound as error:
            raise Undecodable("transcript_gone", f"the record names a transcript that is not in the store: {error}") from error
