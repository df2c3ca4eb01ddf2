"""faster-whisper's sequential transcription, which murmur is compared with.

Its results take as long as murmur's own, and are kept in a folder outside the checkout: each under a name made from everything
that could change it.
"""

import hashlib
import inspect
import io
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

import ctranslate2
from faster_whisper import WhisperModel

from benchmarks import figures

PACKAGES = ("faster-whisper", "ctranslate2", "onnxruntime", "av", "numpy", "tokenizers")  # detector, decoder, features, tokens
SILENCE_THRESHOLD_S = 2.0  # of faster-whisper's filter for hallucinations, which needs the times of words


@dataclass(frozen=True, slots=True)
class Reference:
    text: str
    cpu_s: float


def default_cache() -> Path:
    """Outside every checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "murmur" / "benchmarks"


class FasterWhisperReader:
    """One model, on one thread of the CPU, as murmur's engine has it. Loaded when it is first needed. `cache`: a folder."""

    def __init__(self, model: Path, compute_type: str = "int8", cache: Path | None = None) -> None:
        self._folder = model
        self._compute_type = compute_type
        self._cache = cache or default_cache()
        self._model: WhisperModel | None = None

    def transcribe(self, data: bytes, language: str | None, beam_size: int = 5, *, vad: bool = True) -> Reference:
        """With the speech detector, without the text before as a prompt; without the detector with its filter for hallucinations.
        The same question costs nothing the second time."""
        file = self._cache / f"{self._name(data, language, beam_size, vad)}.json"
        if not file.exists():
            reference = self._transcribe(data, language, beam_size, vad)
            self._cache.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(asdict(reference)))
            partial.rename(file)
        return Reference(**json.loads(file.read_text()))

    def _name(self, *question: object) -> str:
        """Of the result's file."""
        parts = [hashlib.sha256(part).hexdigest() if isinstance(part, bytes) else part for part in question]
        return hashlib.sha256(json.dumps([*parts, self._compute_type, *self._conditions]).encode()).hexdigest()

    @cached_property
    def _conditions(self) -> list[str]:
        """What a result depends on besides the question: weights, code, versions, and the CPU, by which CTranslate2 chooses its
        arithmetic."""
        files = sorted(path for path in self._folder.iterdir() if path.is_file())
        weights = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files]
        return [*weights, inspect.getsource(sys.modules[__name__]), *map(metadata.version, PACKAGES), *figures.processor()]

    def _transcribe(self, data: bytes, language: str | None, beam_size: int, vad: bool) -> Reference:
        if self._model is None:
            self._model = WhisperModel(str(self._folder), device="cpu", compute_type=self._compute_type, cpu_threads=1)
        ctranslate2.set_random_seed(0)
        began_s = time.process_time()
        segments, _ = self._model.transcribe(
            io.BytesIO(data),
            language=language,
            beam_size=beam_size,
            vad_filter=vad,
            condition_on_previous_text=False,
            word_timestamps=not vad,
            hallucination_silence_threshold=None if vad else SILENCE_THRESHOLD_S,
        )
        text = " ".join(segment.text.strip() for segment in segments)
        return Reference(text, time.process_time() - began_s)
