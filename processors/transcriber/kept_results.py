"""Results of chunks on disk, for the embedded mode: its broker loses them with the process, and the file is then decoded again.

Used by `stage`. A result is used by later runs of the same work only, for the same audio and options. A real broker keeps results
in `chunk-results` and in the coordinator's table.
"""

import contextlib
import hashlib
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from runtime.identity import PIPELINE_VERSION
from runtime.work_folders import WorkFolders
from schemas.work import ChunkReady, ChunkTranscribed

KEPT_MAX = 5000  # of all works together: more than a file of ten hours has; about 4 kB each


class KeptResults:
    """Without a root nothing is kept, nor for a work whose folder is not open. A disk that is full keeps nothing."""

    def __init__(self, folders: WorkFolders, kept_max: int = KEPT_MAX) -> None:
        self._folders = folders
        self._root = folders.root
        self._max = kept_max
        self._paths: deque[Path] | None = None  # the oldest first; read at the first use

    def path(self, chunk: ChunkReady, audio: NDArray[np.int16]) -> Path | None:
        """Where the result of this chunk is kept; None where nothing is kept."""
        if self._root is None:
            return None
        how = chunk.model_dump_json(include={"span", "pieces", "speech", "vad", "model", "decoding", "attempt"})
        name = hashlib.sha256(f"{PIPELINE_VERSION}\n{how}\n".encode() + audio.tobytes()).hexdigest()
        return self._root / chunk.work_id / name

    def find(self, path: Path | None) -> ChunkTranscribed | None:
        """Without seconds of inference: those were spent by an earlier run."""
        if path is None:
            return None
        try:
            return ChunkTranscribed.model_validate_json(path.read_bytes()).model_copy(update={"inference_s": 0.0})
        except (OSError, ValidationError):  # not there, or half written
            return None

    def keep(self, path: Path | None, result: ChunkTranscribed) -> None:
        if self._root is None or path is None:
            return
        with contextlib.suppress(OSError):
            paths = self._paths if self._paths is not None else _by_age(self._root)
            self._folders.make(path.parent.name)
            path.write_text(result.model_dump_json())
            paths.append(path)
            if len(paths) > self._max:
                paths = _by_age(self._root)  # without those of works that were deleted
            while len(paths) > self._max:
                paths.popleft().unlink(missing_ok=True)
            self._paths = paths


def _by_age(root: Path) -> deque[Path]:
    return deque(sorted(root.glob("*/*"), key=lambda path: path.stat().st_mtime_ns))
