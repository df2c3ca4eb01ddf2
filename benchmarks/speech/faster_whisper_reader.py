"""faster-whisper's sequential transcription, which murmur is compared with. Results are kept, on disk if requested."""

import hashlib
import io
import json
import os
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import ctranslate2
from faster_whisper import WhisperModel

SILENCE_THRESHOLD_S = 2.0  # of faster-whisper's filter for hallucinations, which needs the times of words


@dataclass(frozen=True, slots=True)
class Reference:
    text: str
    cpu_s: float


def default_cache() -> Path:
    """Outside every checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "murmur" / "benchmarks"


class FasterWhisperReader:
    """One model, on one thread of the CPU, as murmur's engine has it. Loaded when it is first needed."""

    def __init__(self, model: Path, compute_type: str = "int8", cache: Path | None = None) -> None:
        self._folder = model
        self._compute_type = compute_type
        self._cache = cache
        self._model: WhisperModel | None = None
        self._known: dict[str, Reference] = {}

    def transcribe(self, data: bytes, language: str | None, beam_size: int = 5, *, vad: bool = True) -> Reference:
        """With the speech detector, without the text before as a prompt; without the detector with its filter for hallucinations.
        The same question costs nothing the second time."""
        key = [hashlib.sha256(data).hexdigest(), self._folder.name, self._compute_type, language, beam_size]
        key += [] if vad else ["no vad"]
        name = hashlib.sha256(json.dumps([*key, version("faster-whisper"), version("ctranslate2")]).encode()).hexdigest()
        if name not in self._known:
            self._known[name] = self._from_disk(name) or self._transcribe(data, language, beam_size, vad)
            self._to_disk(name, self._known[name])
        return self._known[name]

    def _from_disk(self, name: str) -> Reference | None:
        kept = self._cache / f"{name}.json" if self._cache else None
        return Reference(**json.loads(kept.read_text())) if kept and kept.exists() else None

    def _to_disk(self, name: str, reference: Reference) -> None:
        if self._cache is None:
            return
        self._cache.mkdir(parents=True, exist_ok=True)
        partial = self._cache / f"{name}.{os.getpid()}"
        partial.write_text(json.dumps(asdict(reference)))
        partial.rename(self._cache / f"{name}.json")

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
