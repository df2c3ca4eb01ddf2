"""Finished transcripts to files for people: `<key>.json`, `.txt`, `.srt`, `.vtt` in the results bucket, for every drop.

Fed by the coordinator. Writing again overwrites with the same.
"""

import logging
from collections.abc import Iterable

from murmur.formats import FORMATS
from murmur.kafka.each import EachRecord
from murmur.kafka.loop import Loop
from murmur.kafka.messages import Output, Received
from murmur.objects import NotFound, ObjectStore
from murmur.objects.store import BadKey
from murmur.objects.transcripts import Transcripts
from murmur.resources import Resources, Stage
from schemas.codec import Undecodable
from schemas.topics import TRANSCRIPTS
from schemas.transcript import Transcript, TranscriptCompleted

log = logging.getLogger(__name__)


def build(resources: Resources) -> Stage:
    settings = resources.settings
    transcripts = Transcripts(resources.objects, settings.work_bucket)
    return Loop(
        "store", resources.kafka, [TRANSCRIPTS], EachRecord(StoreSink(resources.objects, settings.results_bucket, transcripts))
    )


class StoreSink:
    """A function of one record, for `EachRecord`. Raises Retry while the store is away."""

    def __init__(self, objects: ObjectStore, bucket: str, transcripts: Transcripts) -> None:
        self._objects = objects
        self._bucket = bucket
        self._transcripts = transcripts

    def __call__(self, record: Received) -> Iterable[Output]:
        """Raises Undecodable where no waiting would help: the record is kept, and can be replayed once it is mended."""
        event = record.event
        assert isinstance(event, TranscriptCompleted)
        if not event.result.files:
            return ()  # a job of the gateway's: its caller fetches the text there
        transcript = event.transcript or self._read(event.work_id)
        for key in event.result.files:
            form = FORMATS.get(key.rpartition(".")[2])
            if form is None:
                raise Undecodable("unknown_format", f"this version of murmur cannot write {key!r}")
            try:
                self._objects.put(self._bucket, key, form.write(transcript), content_type=form.content_type)
            except BadKey as error:
                raise Undecodable("bad_key", str(error)) from error
        log.info("job %s: wrote %s", event.job.job_id, list(event.result.files))
        return ()

    def _read(self, work_id: str) -> Transcript:
        try:
            return self._transcripts.read(work_id)
        except NotFound as error:
            raise Undecodable("transcript_gone", f"the record leaves out a transcript that is not there: {error}") from error
