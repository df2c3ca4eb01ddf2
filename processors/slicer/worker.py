"""One file's work, in a thread: read it, slice it, write each chunk's audio, then publish the chunk.

Fed by `stage` with a DecodeRequested; its results go back as Steps. Waits while the store is unavailable.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from processors.slicer.attempts import Attempts
from processors.slicer.audio import Progress, too_long
from processors.slicer.cutter import Chunk
from processors.slicer.kept_slices import KeptChunk, KeptSlices, SliceIndex, kept
from processors.slicer.named import NamedContent
from processors.slicer.sandbox.process import DecoderDied
from processors.slicer.slicing import Closed, Cut, Event, Opened, Slicer
from processors.slicer.slots import Slots
from runtime import metrics
from runtime.backoff import store_backoff
from runtime.errors import Invalid, Retry
from runtime.identity import SLICER_VERSION
from runtime.kafka.messages import Output, Received, Step
from runtime.lanes import lane_for
from runtime.logs import get_logger
from runtime.objects import NotFound, ObjectStore, StoreUnavailable
from runtime.objects.keys import chunk_key
from runtime.objects.store import Replaced
from schemas.record import Failure, Lane, ObjectRef
from schemas.sound import SAMPLE_RATE_HZ
from schemas.topics import CHUNK_RESULTS, CHUNKS_BULK, CHUNKS_INTERACTIVE
from schemas.work import (
    AudioInfo,
    ChunkReady,
    DecodeRequested,
    SliceClosed,
    SlicedChunk,
    SliceOpened,
    Span,
    WorkEvent,
    WorkFailed,
    WorkReported,
)

log = get_logger(__name__)
DEATHS_MAX = 2  # of decoder processes while they worked on this file
SMALL_BYTES = 2 * 1024 * 1024  # half an hour of a voice message's Opus, a minute of WAV


class _Stopped(Exception):
    """The partition of the file was revoked, or the stage closes."""


class _NoSlot(Exception):
    """The file is longer than it seemed, and there is no slot for another long one."""


class _Revoked(Exception):
    """No job waits for this run any more."""


@dataclass(frozen=True, slots=True)
class SlicerContext:
    """What all files share."""

    objects: ObjectStore
    work_bucket: str
    slicer: Slicer
    interactive_max_s: float
    is_revoked: Callable[[str, str], bool]  # (work_id, run)
    max_bytes: int
    attempts: Attempts


Emit = Callable[["FileWork", Step | Exception | None], None]


class FileWork:
    """`emit` is called in the worker's thread with every Step, with an unexpected exception, or with None when the file has to
    wait for a slot again; it may block, but not longer than until the work `is_stopped`. The last Step settles the record,
    unless the work was stopped."""

    def __init__(
        self,
        record: Received[DecodeRequested],
        context: SlicerContext,
        slots: Slots,
        emit: Emit,
        *,
        is_suspect: bool = False,
    ) -> None:
        self.record = record
        self.request = record.event
        self._context = context
        self._slots = slots
        self._emit = emit
        self.is_suspect = is_suspect  # a process died during an earlier attempt
        self._stop = threading.Event()
        self._opened = False
        self._lane = _Lane(self.request, context.interactive_max_s)
        self._through = _published_through(record.checkpoint)
        self._kept = KeptSlices(context.objects, context.work_bucket)
        self._cut: list[KeptChunk] = []  # in this pass over the file, those included that were published before

    def stop(self) -> None:
        """The thread ends soon and emits nothing more."""
        self._stop.set()

    @property
    def is_stopped(self) -> bool:
        return self._stop.is_set()

    def _check(self, progress: Progress = Progress()) -> None:
        if self._stop.is_set():
            raise _Stopped
        if self._context.is_revoked(self.request.work.work_id, self.request.run):
            raise _Revoked
        if progress.decoded_s > self._context.interactive_max_s or progress.is_slow:
            self._mark_long()

    def _mark_long(self) -> None:
        if not self._slots.mark_long(self):
            raise _NoSlot

    def run(self) -> None:
        """Blocks until the file is done. Never raises: exceptions are emitted."""
        began_s = time.monotonic()
        slice_id = self.request.work.slice_id
        self._context.attempts.begin(slice_id)
        outcome = self._run()
        self._context.attempts.end(slice_id)
        self._slots.release(self)
        work_id = self.request.work.work_id
        took_s = time.monotonic() - began_s
        metrics.FILES_SLICED.labels(outcome.replace(" ", "_")).inc()
        log.debug(
            "file.sliced",
            work_id=work_id,
            run=self.request.run,
            outcome=outcome,
            processing_s=took_s,
            trace_id=self.request.trace_id,
        )

    def _run(self) -> str:
        try:
            self._with_retries(self._slice)
        except Invalid as error:
            return self._fail(error.failure)
        except Replaced as error:
            return self._fail(Failure(reason="content_changed", message=f"changed before it was read to its end: {error}"))
        except NotFound as error:
            return self._fail(Failure(reason="audio_gone", message=f"the audio is no longer in the store: {error}"))
        except _Revoked:
            self._emit(self, Step(settles=self.record))
            return "revoked"
        except _NoSlot:
            self._slots.release(self)
            self._emit(self, None)
            return "waits for a slot"
        except _Stopped:
            return "stopped"
        except Exception as bug:
            self._emit(self, bug)
            return "bug"
        return "done"

    def _fail(self, failure: Failure) -> str:
        self._emit(self, failed(self.record, self.request, failure))
        return failure.reason

    def _with_retries(self, attempt: Callable[[], None]) -> None:
        """Waits for a store that is unavailable: an accepted job does not fail because of it. A decoder process may have died
        for an unrelated reason, such as memory used by others: the file is tried in a second one."""
        backoff, deaths = store_backoff(), 0
        while True:
            try:
                return attempt()
            except DecoderDied as death:
                deaths += 1
                metrics.DECODERS_DIED.inc()
                log.warning("decoder.died", work_id=self.request.work.work_id, attempt=deaths, error=death)
                if deaths >= DEATHS_MAX:
                    raise Invalid("crashes_decoder", f"the decoder failed on this file {deaths} times") from death
                wait_s = 0.0
            except Retry as error:
                wait_s = backoff.next_s(error.after_s)
                log.warning("file.waiting", work_id=self.request.work.work_id, error=error, wait_s=wait_s)
            self._stop.wait(wait_s)
            self._check()

    def _slice(self) -> None:
        """From the start, whatever was done before: the same bytes are cut in the same slots, and published ones skipped.

        Until the content is verified, nothing is emitted that could complete the work or blame the content.
        """
        self._check()
        work = self.request.work
        if (work.audio.size_bytes or 0) > self._context.max_bytes:  # only a drop: the gateway refuses such an upload
            raise Invalid("too_large", f"{work.audio.size_bytes} bytes; the limit is {self._context.max_bytes}")
        # A later attempt is made because audio of a chunk was lost: all of it is written again.
        if self.request.attempt == 0 and (index := self._kept.find(work.slice_id)) is not None:
            return self._use(index)
        with self._context.objects.open(work.audio) as file:
            unchanged = partial(self._context.objects.is_unchanged, work.audio, file)
            content = NamedContent(file, work.audio_id, unchanged)
            content.verify(self._check)
            is_doubtful = content.is_doubtful
            try:
                self._cut.clear()
                for event in self._context.slicer.slice(content, work.slicing, self._check):
                    if isinstance(event, Closed):
                        content.verify(self._check)
                    if isinstance(event, Cut) and is_doubtful and event.chunk.span[1] <= self._through:
                        self._compare(event)
                    self._on_event(event)
            except Invalid:
                content.verify(self._check)
                raise

    def _use(self, index: SliceIndex) -> None:
        """As if the file had been decoded: it has the same bytes, and they were cut in the same way."""
        if index.audio_info.duration_s > self._context.slicer.max_audio_s:
            raise too_long(self._context.slicer.max_audio_s)
        metrics.FILES_FOUND_SLICED.inc()
        self._on_event(Opened(index.audio_info))
        self._cut.clear()
        for each in index.chunks:
            self._check()
            if each.chunk.span[1] > self._through:
                self._announce(each, index.audio(self._context.work_bucket, each))
            self._cut.append(each)
        chunks = tuple(SlicedChunk(span=each.chunk.span, pieces=each.pieces) for each in index.chunks)
        self._close(SliceClosed(audio_info=index.audio_info, chunks=chunks, decode_s=0.0, vad_s=0.0, audio_run=index.run))

    def _compare(self, cut: Cut) -> None:
        """Raises Replaced unless an earlier attempt has published the same audio: it may have read another content."""
        key = chunk_key(self.request.work.slice_id, self.request.run, cut.chunk.span)
        try:
            is_same = self._context.objects.get(self._context.work_bucket, key) == cut.pcm
        except NotFound:
            is_same = False
        if not is_same:
            raise Replaced("the content has changed since a part of it was published")

    def _on_event(self, event: Event) -> None:
        match event:
            case Opened(info):
                if (info.declared_duration_s or 0.0) > self._context.interactive_max_s:
                    self._mark_long()
                if not self._opened:
                    self._lane.decide(info)
                    opened = SliceOpened(audio_info=info, lane=self._lane.now)
                    self._emit(self, Step(outputs=[_report(self.request, opened)], of=self.record))
                    self._opened = True
            case Cut(chunk, pcm):
                each = kept(chunk, pcm)
                if chunk.span[1] > self._through:
                    self._announce(each, self._stored(chunk, pcm))
                self._cut.append(each)
            case Closed() as closed:
                _count(closed)
                self._kept.keep(self.request.work.slice_id, self.request.run, closed.info, self._cut)
                self._close(_closing(closed))

    def _close(self, closed: SliceClosed) -> None:
        last = closed.chunks[-1].span if closed.chunks else None
        closed = closed.model_copy(update={"lane": self._lane.now if last is None else self._lane.of(last)})
        self._emit(self, Step(outputs=[_report(self.request, closed)], settles=self.record))

    def _stored(self, chunk: Chunk, pcm: bytes) -> ObjectRef:
        key = chunk_key(self.request.work.slice_id, self.request.run, chunk.span)
        try:
            return self._context.objects.put(self._context.work_bucket, key, pcm).ref
        except NotFound as error:
            raise StoreUnavailable(f"the bucket {self._context.work_bucket!r} is missing") from error

    def _announce(self, each: KeptChunk, audio: ObjectRef) -> None:
        """Emits the record of a chunk whose audio is in the store."""
        work, chunk = self.request.work, each.chunk
        ready = ChunkReady(
            work_id=work.work_id,
            run=self.request.run,
            slice_id=work.slice_id,
            span=chunk.span,
            pieces=chunk.pieces,
            speech=chunk.speech,
            vad=work.slicing.vad,
            audio=audio,
            audio_sha256=each.sha256,
            model=work.model,
            decoding=work.decoding,
            lane=self._lane.of(chunk.span),
            index=len(self._cut),
            trace=self.request.trace,
        )
        topic = CHUNKS_INTERACTIVE if ready.lane == "interactive" else CHUNKS_BULK
        checkpoint = f"{SLICER_VERSION}:{chunk.span[1]}"
        self._emit(self, Step(outputs=[Output(topic, ready.chunk_id, ready)], checkpoints=[(self.record, checkpoint)]))
        self._through = chunk.span[1]


def is_small(request: DecodeRequested) -> bool:
    size_bytes = request.work.audio.size_bytes
    return size_bytes is not None and size_bytes <= SMALL_BYTES


def failed(record: Received[DecodeRequested], request: DecodeRequested, failure: Failure) -> Step:
    """Reports that the work can never succeed, and settles the record."""
    return Step(outputs=[_report(request, WorkFailed(failure=failure))], settles=record)


def _report(request: DecodeRequested, event: WorkEvent) -> Output:
    work_id = request.work.work_id
    return Output(CHUNK_RESULTS, work_id, WorkReported(work_id=work_id, run=request.run, event=event, trace=request.trace))


def _closing(closed: Closed) -> SliceClosed:
    sliced = tuple(SlicedChunk(span=chunk.span, pieces=chunk.pieces) for chunk in closed.chunks)
    usage = closed.usage
    return SliceClosed(
        audio_info=closed.info,
        chunks=sliced,
        decode_s=usage and usage.cpu_s,
        vad_s=closed.vad_s,
        decoder_peak_memory_bytes=usage and usage.peak_memory_bytes,
    )


def _count(closed: Closed) -> None:
    if closed.usage is not None:
        metrics.DECODE_SECONDS.observe(closed.usage.cpu_s)
        metrics.DECODER_PEAK_MEMORY_BYTES.observe(closed.usage.peak_memory_bytes)
    metrics.VAD_SECONDS.observe(closed.vad_s)
    metrics.DECODED_AUDIO_SECONDS.inc(closed.info.duration_s)


def _published_through(checkpoint: str | None) -> int:
    """The sample up to which chunks were published; 0 if the checkpoint is of another slicer version, which cuts elsewhere."""
    version, _, through = (checkpoint or "").partition(":")
    return int(through) if version == str(SLICER_VERSION) and through.isdecimal() else 0


class _Lane:
    """As requested, else by the declared length (undeclared: by the size). With a wrong header only the first seconds are
    interactive."""

    def __init__(self, request: DecodeRequested, interactive_max_s: float) -> None:
        self._requested = request.lane
        self._max_s = interactive_max_s
        self._short = is_small(request)

    def decide(self, info: AudioInfo) -> None:
        if info.declared_duration_s is not None:
            self._short = lane_for(info.declared_duration_s, self._max_s) == "interactive"

    @property
    def now(self) -> Lane:
        """Of the first chunk."""
        return self._requested or ("interactive" if self._short else "bulk")

    def of(self, span: Span) -> Lane:
        is_long = span[0] > self._max_s * SAMPLE_RATE_HZ
        return "bulk" if is_long and not self._requested else self.now
