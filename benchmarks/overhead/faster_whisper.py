"""faster-whisper as a program uses it: in a process of its own, its sequential transcription, with its speech detector on."""

import io
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Self

from faster_whisper import WhisperModel

from benchmarks.setup import Setup
from runtime.models import catalogue

_model: WhisperModel  # in the other process


class FasterWhisper:
    """A context: the model is loaded inside of it, with as many workers as murmur has replicas."""

    def __init__(self, setup: Setup) -> None:
        path = str(catalogue.fetch(setup.resolved(), lambda _done, _total: None))
        self._workers = setup.replicas
        self._process = ProcessPoolExecutor(1, get_context("spawn"), _load, (path, setup.compute_type, setup.replicas))

    def cpu_s(self, clips: Sequence[bytes], threads: int | None = None) -> float:
        """Reads the clips, and returns the CPU seconds of its process. Blocks."""
        return self._process.submit(_transcribe, clips, threads or self._workers).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.shutdown()


def _load(path: str, compute_type: str, workers: int) -> None:
    global _model  # the process has one
    _model = WhisperModel(
        path, device="cpu", compute_type=compute_type, cpu_threads=1, num_workers=workers, local_files_only=True
    )


def _transcribe(clips: Sequence[bytes], threads: int) -> float:
    began_s = time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_read, clips))
    return time.process_time() - began_s


def _read(clip: bytes) -> None:
    segments, _info = _model.transcribe(io.BytesIO(clip), vad_filter=True, condition_on_previous_text=False)
    list(segments)
