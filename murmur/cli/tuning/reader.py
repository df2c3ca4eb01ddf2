"""The model of `murmur tune`, loaded and used as in the transcriber."""

from typing import TYPE_CHECKING

from murmur.cli.tuning.figures import Chunk, Reading
from runtime.models.catalogue import Model
from runtime.settings import Settings
from schemas.options import DecodingOptions

if TYPE_CHECKING:
    from processors.transcriber.engine import Engine

SEED = 0


class ModelReader:
    """See `figures.Reader`."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def read(self, chunk: Chunk, decoding: DecodingOptions) -> Reading:
        from processors.transcriber import windows
        from processors.transcriber.features import from_pcm

        text = windows.read(self._engine, windows.of_chunk(from_pcm(chunk.pcm), decoding, chunk.pieces, chunk.speech))
        return Reading(" ".join(segment.text for segment in text.segments), text.language, text.refitted)


def load(model: Model, settings: Settings, replicas: int) -> ModelReader:
    """Blocks until the model is warmed up. Sampling is reproducible with one replica. Raises UsageError."""
    import ctranslate2

    from processors.transcriber import loading

    ctranslate2.set_random_seed(SEED)
    engine = loading.load(model, settings.model_copy(update={"model_replicas": replicas}))
    engine.warm_up()
    return ModelReader(engine)
