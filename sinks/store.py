"""What became of every drop, as files for users in the results bucket: `<key>.json`, `.srt` and so on of a transcript, or
`<key>.error.txt` (in a folder) or `.error.json` (in an S3 store), which a later success removes.

Fed by the coordinator. Writing again overwrites with the same. The files of a key are those of its newest object: a job of an
older one that ends later writes none.
"""

from collections.abc import Iterable
from contextlib import suppress

from runtime import metrics
from runtime.formats import FORMATS
from runtime.kafka.each import EachRecord
from runtime.kafka.loop import Loop, LoopOptions
from runtime.kafka.messages import Output, Received
from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectStore
from runtime.objects.names import ErrorForm, format_of, result_key, result_keys
from runtime.objects.store import BadKey
from runtime.objects.transcripts import Transcripts
from runtime.resources import Resources, Stage
from runtime.settings import Settings
from runtime.subtitles import SubtitleRules
from schemas.codec import Undecodable
from schemas.jobs import JobChanged
from schemas.record import ObjectRef
from schemas.topics import JOBS, TRANSCRIPTS, Topic
from schemas.transcript import Transcript, TranscriptCompleted
from sinks import error_file

log = get_logger(__name__)
INPUTS: tuple[Topic[TranscriptCompleted | JobChanged | None], ...] = (TRANSCRIPTS, JOBS)


def build(resources: Resources) -> Stage:
    settings = resources.settings
    form: ErrorForm = "error.txt" if settings.store == "directory" else "error.json"
    sink = StoreSink(resources.objects, resources.transcripts, settings, form)
    return Loop("store", resources.kafka, INPUTS, EachRecord(sink), LoopOptions(keep_large=resources.keep_large))


class StoreSink:
    """A function of one record, for `EachRecord`. Raises Retry while the store is unavailable."""

    def __init__(self, objects: ObjectStore, transcripts: Transcripts, settings: Settings, error_form: ErrorForm) -> None:
        self._objects = objects
        self._bucket = settings.results_bucket
        self._rules = SubtitleRules.of(settings)
        self._transcripts = transcripts
        self._error_form: ErrorForm = error_form

    def __call__(self, record: Received[TranscriptCompleted | JobChanged | None]) -> Iterable[Output]:
        """Raises Undecodable if waiting would not help: the dead letter can be replayed once the cause is fixed."""
        event = record.event
        if isinstance(event, JobChanged):
            self._ended(event)
        elif (
            event is not None and event.result.files
        ):  # else a job of the gateway's without files: its caller fetches the text there
            self._completed(event)
        return ()

    def _completed(self, event: TranscriptCompleted) -> None:
        dropped = event.job.dropped
        own = dropped or event.job.stored
        if own is not None and self._overwritten(own):
            log.debug("files.skipped", job_id=str(event.job.job_id), file=own.key, reason="overwritten")
            return
        transcript = event.transcript or self._read(event)
        files = [(key, format_of(key, own.key if own is not None else None)) for key in event.result.files]
        refused = [error for key, name in files if (error := self._write(key, name, transcript))]
        if dropped is not None:
            self._objects.delete(self._bucket, result_key(dropped.key, self._error_form))
        if refused:
            raise refused[0]
        log.debug("files.written", job_id=str(event.job.job_id), objects=list(event.result.files))

    def _write(self, key: str, name: str | None, transcript: Transcript) -> Undecodable | None:
        """What is wrong with this file, which must not keep the others from being written."""
        if name is None:
            return Undecodable("unknown_format", f"this version of murmur cannot write {key!r}")
        form = FORMATS[name]
        try:
            self._objects.put(self._bucket, key, form.write(transcript, self._rules), content_type=form.content_type)
        except BadKey as error:
            return Undecodable("bad_key", str(error))
        metrics.RESULT_FILES.labels(name).inc()
        return None

    def _ended(self, event: JobChanged) -> None:
        dropped = event.job.dropped
        if event.state != "FAILURE" or dropped is None or event.error is None:
            return
        if self._overwritten(dropped) or self._has_newer_results(event, dropped.key):
            log.debug("files.skipped", job_id=str(event.job.job_id), file=dropped.key, reason="overwritten")
            return
        key = result_key(dropped.key, self._error_form)
        content = error_file.content(event, self._error_form)
        try:
            self._objects.put(self._bucket, key, content, content_type=error_file.CONTENT_TYPES[self._error_form])
        except BadKey as error:
            raise Undecodable("bad_key", str(error)) from error
        metrics.RESULT_FILES.labels(self._error_form).inc()
        log.debug("files.written", job_id=str(event.job.job_id), objects=[key])

    def _has_newer_results(self, event: JobChanged, key: str) -> bool:
        """Another job of the key has succeeded after this one failed; the two topics have no common order. Its formats may be
        others than those of this one."""
        for result in result_keys(key, tuple(FORMATS)):
            with suppress(NotFound, BadKey):
                if self._objects.head(self._bucket, result).modified_at > event.changed_at:
                    return True
        return False

    def _overwritten(self, dropped: ObjectRef) -> bool:
        """A deleted object has no newer version: its files are written. Neither has one without a known version."""
        try:
            now = self._objects.head(dropped.bucket, dropped.key)
        except (NotFound, BadKey):
            return False
        pairs = ((dropped.version_id, now.version_id), (dropped.etag, now.etag))
        return next((then != current for then, current in pairs if then and current), False)

    def _read(self, event: TranscriptCompleted) -> Transcript:
        try:
            return self._transcripts.read_result(event.work_id, event.result)
        except NotFound as error:
            raise Undecodable("transcript_gone", f"the record names a transcript that is not in the store: {error}") from error
