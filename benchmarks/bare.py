"""The bare engine: slices and transcribes in this process, with no broker, no store and no HTTP."""

import io
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

from benchmarks.setup import Setup
from processors.slicer.decode import open_audio
from processors.slicer.slicing import Cut, Slicer
from processors.slicer.vad import load_session
from processors.transcriber.engine import Engine, Samples
from processors.transcriber.features import from_pcm
from processors.transcriber.loading import load
from processors.transcriber.windows import of_chunk, read
from schemas.work import Span


@dataclass(frozen=True, slots=True, eq=False)
class Sliced:
    """A chunk as the engine gets it."""

    samples: Samples
    pieces: tuple[Span, ...]
    speech: tuple[Span, ...]


class Bare:
    def __init__(self, setup: Setup) -> None:
        self._replicas = setup.replicas
        self._options = setup.options()
        self._engine: Engine = load(setup.resolved(), setup.settings())
        self._engine.warm_up()
        self._slicer = Slicer(open_audio, load_session(), 36_000.0)

    def cpu_s(self, clips: Sequence[bytes]) -> float:
        """Slices and reads the clips with as many threads as replicas, and returns the CPU seconds. Blocks."""
        began_s = time.process_time()
        self.read(self.sliced(clips), self._replicas)
        return time.process_time() - began_s

    def sliced(self, clips: Sequence[bytes]) -> list[Sliced]:
        with ThreadPoolExecutor(self._replicas) as pool:
            return list(chain.from_iterable(pool.map(self._chunks, clips)))

    def read(self, chunks: Sequence[Sliced], threads: int) -> float:
        """The engine alone: its CPU seconds. Blocks until all are read."""
        began_s = time.process_time()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self._read, chunks))
        return time.process_time() - began_s

    def _chunks(self, clip: bytes) -> list[Sliced]:
        events = self._slicer.slice(io.BytesIO(clip), self._options.slicing)
        return [Sliced(from_pcm(cut.pcm), cut.chunk.pieces, cut.chunk.speech) for cut in events if isinstance(cut, Cut)]

    def _read(self, chunk: Sliced) -> None:
        read(self._engine, of_chunk(chunk.samples, self._options.decoding, chunk.pieces, chunk.speech))
