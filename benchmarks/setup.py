"""What a measurement computes with: the same model, types, windows and threads for murmur, its bare engine and faster-whisper."""

from dataclasses import asdict, dataclass
from typing import Self

import orjson

from runtime.effective_options import EffectiveOptions, effective_options
from runtime.models import catalogue
from runtime.models.catalogue import DEMO, Model
from runtime.settings import Settings
from schemas.options import EncoderWindow
from scripts import models

FULL_CHUNK_S = 30.0  # of faster-whisper: one window of the encoder


@dataclass(frozen=True, slots=True)
class Setup:
    """`window` is None for the model's own, `full` for 30 s windows and chunks of up to 30 s, as faster-whisper has them.
    `replicas`: of one thread each."""

    model: str
    compute_type: str = "int8"
    window: EncoderWindow | None = None
    replicas: int = 2

    def settings(self) -> Settings:
        """Without what the environment says. Blocks while original weights are downloaded for the first time."""
        return Settings(
            _env_file=None,
            model=self.model,
            models_dir=None if self.model == DEMO else models.path(self.model).parent,
            device="cpu",
            compute_type=self.compute_type,
            encoder_window=self.window,
            max_chunk_s=FULL_CHUNK_S if self.window == "full" else None,
            model_replicas=self.replicas,
            gateway_port=0,
        )

    def resolved(self) -> Model:
        settings = self.settings()
        return catalogue.resolve(settings.model, settings.models_dir)

    def options(self) -> EffectiveOptions:
        return effective_options(self.settings(), self.resolved())

    def to_json(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**orjson.loads(text))
