"""Results of chunks on disk, for the embedded mode: its broker loses them with the process, and the file is then decoded again.

Used by `stage`. A result belongs to the audio itself and to everything that changes its text, not to a run. A real broker keeps
results in `chunk-results` and in the coordinator's table. The folder belongs to one process.
"""

import contextlib
import hashlib
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from runtime.identity import PIPELINE_VERSION
from schemas.work import ChunkReady, ChunkTranscribed

KEPT_MAX = 5000  # more than a file of ten hours has; about 4 kB each


class KeptResults:
    """Without a folder nothing is kept. A disk that is full keeps nothing."""

    def __init__(self, folder: Path | None, kept_max: int = KEPT_MAX) -> None:
        self._folder = folder
        self._max = kept_max
        self._names: deque[str] | None = None  # the oldest first; read at the first use

    def name(self, chunk: ChunkReady, audio: NDArray[np.int16]) -> str | None:
        """What the result of this chunk is kept under; None where nothing is kept."""
        if self._folder is None:
            return None
        how = chunk.model_dump_json(include={"span", "pieces", "speech", "vad", "model", "decoding", "attempt"})
        return hashlib.sha256(f"{PIPELINE_VERSION}\n{how}\n".encode() + audio.tobytes()).hexdigest()

    def find(self, name: str | None) -> ChunkTranscribed | None:
        if self._folder is None or name is None:
            return None
        try:
            return ChunkTranscribed.model_validate_json((self._folder / name).read_bytes())
        except (OSError, ValidationError):  # not there, or half written
            return None

    def keep(self, name: str | None, result: ChunkTranscribed) -> None:
        if self._folder is None or name is None:
            return
        with contextlib.suppress(OSError):
            names = self._all(self._folder)
            (self._folder / name).write_text(result.model_dump_json())
            names.append(name)
            while len(names) > self._max:
                (self._folder / names.popleft()).unlink(missing_ok=True)

    def _all(self, folder: Path) -> deque[str]:
        if self._names is None:
            folder.mkdir(parents=True, exist_ok=True)
            by_age = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
            self._names = deque(path.name for path in by_age)
        return self._names
