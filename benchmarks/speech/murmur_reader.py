"""murmur on one file without broker and store: the stages' own functions in the order of the data, in one thread."""

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import ctranslate2

from processors.coordinator import assembly
from processors.coordinator.entries import ChunkState, WorkState
from processors.slicer.decode import open_audio
from processors.slicer.slicing import Closed, Cut, Slicer
from processors.slicer.vad import load_session
from processors.transcriber import windows
from processors.transcriber.features import from_pcm
from processors.transcriber.loading import load
from processors.transcriber.results import transcribed
from runtime import identity
from runtime.effective_options import EffectiveOptions
from runtime.models import catalogue
from runtime.settings import Settings
from schemas.jobs import Work
from schemas.options import DecodingOptions, SlicingOptions
from schemas.record import ObjectRef
from schemas.transcript import Transcript
from schemas.work import ChunkReady, SlicedChunk, Span

MAX_AUDIO_S = 36_000.0
NOWHERE = ObjectRef(bucket="work", key="in-memory")
RUN = "0-0"


class MurmurReader:
    """One model, on one thread of the CPU. Not safe for several threads."""

    def __init__(self, model: str | Path, compute_type: str = "int8") -> None:
        self._model = catalogue.resolve(str(model))
        settings = Settings(_env_file=None, device="cpu", compute_type=compute_type, model_replicas=1)
        self._engine = load(self._model, settings)
        self._engine.warm_up()
        self._slicer = Slicer(open_audio, load_session(), MAX_AUDIO_S)

    def transcribe(self, data: bytes, decoding: DecodingOptions, slicing: SlicingOptions) -> Transcript:
        """The same file and options give the same transcript."""
        ctranslate2.set_random_seed(0)
        audio_id = hashlib.sha256(data).hexdigest()
        work = identity.plan(audio_id, NOWHERE, EffectiveOptions(self._model.ref, decoding, slicing), "default")
        events = list(self._slicer.slice(io.BytesIO(data), slicing))
        cuts = {event.chunk.span: event for event in events if isinstance(event, Cut)}
        closed = next(event for event in events if isinstance(event, Closed))
        state = WorkState(
            work=work,
            run=RUN,
            starter="benchmark",
            lane=None,
            audio_info=closed.info,
            chunks=tuple(SlicedChunk(span=chunk.span, pieces=chunk.pieces) for chunk in closed.chunks),
        )
        chunks = {span: self._read(work, cut, decoding) for span, cut in cuts.items()}
        return assembly.assemble(state, self._read_again(state, cuts, chunks), {}, datetime.now(UTC))

    def _read(self, work: Work, cut: Cut, decoding: DecodingOptions, attempt: int = 0) -> ChunkState:
        ready = ChunkReady(
            work_id=work.work_id,
            run=RUN,
            slice_id=work.slice_id,
            span=cut.chunk.span,
            pieces=cut.chunk.pieces,
            speech=cut.chunk.speech,
            vad=work.slicing.vad,
            audio=NOWHERE,
            model=work.model,
            decoding=decoding,
            lane="bulk",
            attempt=attempt,
        )
        text = windows.read(
            self._engine, windows.of_chunk(from_pcm(cut.pcm), decoding, ready.pieces, ready.speech, vad=ready.vad)
        )
        return ChunkState(result=transcribed(ready, text), again=bool(attempt))

    def _read_again(self, state: WorkState, cuts: dict[Span, Cut], chunks: dict[Span, ChunkState]) -> dict[Span, ChunkState]:
        """Chunks in an unsure minority language, read in the file's language, as the coordinator asks for it."""
        again = {
            chunk.span: self._read(
                state.work, cuts[chunk.span], state.work.decoding.model_copy(update={"language": language}), attempt=1
            )
            for chunk, language in assembly.doubtful(state, chunks)
        }
        return {**chunks, **again}
