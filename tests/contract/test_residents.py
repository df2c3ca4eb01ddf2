"""Real models in one place: what is unloaded is freed, and what is loaded again writes the same."""

import shutil
import weakref
from pathlib import Path

import numpy as np

from processors.transcriber.engine import Engine, Window
from processors.transcriber.eviction import LOADS, CacheLimits
from processors.transcriber.loading import load
from processors.transcriber.residents import Residents
from runtime.models import catalogue
from runtime.models.catalogue import DEMO_DIR
from runtime.settings import Settings
from schemas.options import DecodingOptions, ModelRef
from tests.clips import BY_NAME
from tests.contract.reading import waveform
from tests.waiting import DEADLINE_S, wait_until

SETTINGS = Settings(_env_file=None, device="cpu", model_replicas=1)


class OnePlace:
    """A place for one of two models, and a clock that leaves none of them its place for long."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(DEMO_DIR, folder / "other")
        models = {model.ref: model for model in (catalogue.resolve("demo"), catalogue.resolve(str(folder / "other")))}
        self.refs = [*models]
        self.alive: weakref.WeakSet[object] = weakref.WeakSet()
        self.now_s = 0.0

        def remembered(ref: ModelRef, _on_cpu: bool) -> Engine:
            engine = load(models[ref], SETTINGS)
            self.alive.add(engine._whisper.model)
            return engine

        self.residents = Residents[str](self.refs[0], remembered, CacheLimits(1), clock=lambda: self.now_s)
        self.residents.start()

    def read(self, model: ModelRef, window: Window) -> str:
        def there() -> bool:
            self.now_s += LOADS * DEADLINE_S
            self.residents.finished()
            self.residents.turn([model])
            return self.residents.engine(model) is not None

        wait_until(there, "the model")
        self.residents.submit(model, ["chunk"], [window])
        (done,) = wait_until(self.residents.finished, "the batch")
        (text,) = done.results
        return str(text)


def test_a_model_that_made_room_is_freed_and_writes_the_same_when_it_is_back(tmp_path: Path) -> None:
    place = OnePlace(tmp_path)
    samples = np.asarray(waveform(BY_NAME["en-command.wav"].file), dtype=np.float32)
    window = Window(samples, DecodingOptions())
    try:
        first = place.read(place.refs[0], window).partition("inference_s")[0]
        place.read(place.refs[1], window)
        assert len(place.alive) == 1
        assert place.read(place.refs[0], window).partition("inference_s")[0] == first
        assert len(place.alive) == 1
    finally:
        place.residents.close()
