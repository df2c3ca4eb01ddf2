"""faster-whisper in this process: its sequential transcription, with its speech detector on."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from faster_whisper import WhisperModel

from runtime.models import catalogue


class FasterWhisper:
    """The demo model, with as many workers as murmur has replicas."""

    def __init__(self, compute_type: str, workers: int) -> None:
        path = str(catalogue.fetch(catalogue.resolve("demo"), lambda _done, _total: None))
        self._model = WhisperModel(path, compute_type=compute_type, cpu_threads=1, num_workers=workers, local_files_only=True)
        self._workers = workers

    def transcribe(self, clips: Sequence[bytes]) -> None:
        """Blocks until all are read."""
        with ThreadPoolExecutor(self._workers) as pool:
            list(pool.map(self._read, clips))

    def _read(self, clip: bytes) -> None:
        segments, _info = self._model.transcribe(io.BytesIO(clip), vad_filter=True)
        list(segments)
