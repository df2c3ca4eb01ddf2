"""The bare engine: slices and transcribes in this process, with no broker, no store and no HTTP."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from processors.slicer.decode import open_audio
from processors.slicer.slicing import Cut, Slicer
from processors.slicer.vad import load_session
from processors.transcriber.engine import Engine
from processors.transcriber.features import from_pcm
from processors.transcriber.loading import load
from processors.transcriber.windows import ChunkWindows, of_chunk, read
from runtime.models import catalogue
from runtime.settings import Settings
from schemas.options import DecodingOptions, SlicingOptions

OPTIONS = SlicingOptions(max_chunk_s=10)


class Bare:
    """The demo model, with as many threads as replicas."""

    def __init__(self, compute_type: str) -> None:
        settings = Settings(model="demo", compute_type=compute_type)
        self.engine: Engine = load(catalogue.resolve("demo"), settings)
        self.engine.warm_up()
        self._slicer = Slicer(open_audio, load_session(), 36_000.0)

    def transcribe(self, clips: Sequence[bytes]) -> None:
        """Blocks until all are read."""
        with ThreadPoolExecutor(self.engine.replicas) as pool:
            chunks = [chunk for found in pool.map(self._sliced, clips) for chunk in found]
            list(pool.map(lambda chunk: read(self.engine, chunk), chunks))

    def _sliced(self, clip: bytes) -> list[ChunkWindows]:
        cuts = [event for event in self._slicer.slice(io.BytesIO(clip), OPTIONS) if isinstance(event, Cut)]
        return [of_chunk(from_pcm(cut.pcm), DecodingOptions(), cut.chunk.pieces, cut.chunk.speech) for cut in cuts]
