"""The engine and faster-whisper on the same samples, loaded model and features: they differ in how they use the options only."""

from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor

from benchmarks.speech.recordings import Samples
from processors.transcriber.engine import Window
from processors.transcriber.mel import HOP_SAMPLES, LogMel
from processors.transcriber.whisper import WhisperEngine
from schemas.options import DecodingOptions


class OneWindow:
    def __init__(self, model: Path) -> None:
        self._whisper = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1)
        self._whisper.feature_extractor = _SameFeatures(feature_size=self._whisper.model.n_mels)
        self.engine = WhisperEngine(self._whisper, replicas=1, batch_size=1)

    def murmur(self, samples: Samples, options: DecodingOptions) -> str:
        ctranslate2.set_random_seed(0)
        (text,) = self.engine.transcribe([Window(samples, options)])
        segments = [*text.segments, *([text.tail] if text.tail else [])]
        return " ".join(segment.text for segment in segments if segment.text)

    def faster_whisper(self, samples: Samples, options: DecodingOptions) -> str:
        ctranslate2.set_random_seed(0)
        segments, _ = self._whisper.transcribe(
            samples,
            language=options.language,
            task=options.task,
            beam_size=options.beam_size,
            temperature=list(options.temperature),
            initial_prompt=options.prompt,
            hotwords=options.hotwords,
            suppress_tokens=list(options.suppress_tokens),
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments)


class _SameFeatures(FeatureExtractor):  # type: ignore[misc]
    """murmur's, of which the last bit may differ: that is enough for another choice between two texts that are as likely."""

    def __init__(self, feature_size: int) -> None:
        super().__init__(feature_size=feature_size)
        self._log_mel = LogMel(feature_size)

    def __call__(self, waveform: Samples, **_: object) -> Any:
        (mel,) = self._log_mel([waveform], len(waveform) // HOP_SAMPLES)
        return np.pad(mel, ((0, 0), (0, 1)))  # faster-whisper leaves out the last frame
