"""Samples to speech probabilities, one for every window of 32 ms: Silero VAD, as a stream.

Fed by `decode`; feeds `regions`. The network is the ONNX file that comes with faster-whisper.
"""

import importlib.util
import time
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from processors.slicer.audio import Samples

WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64  # the end of the window before, which is input again
_STATE = (1, 1, 128)
Probabilities = NDArray[np.float32]


class Session(Protocol):
    """The part of an onnxruntime session that is used. Safe to share between threads."""

    def run(self, outputs: None, inputs: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]: ...


def load_session() -> Session:
    """With one thread, since several files run in parallel. faster-whisper is located but not imported, for its size."""
    import onnxruntime

    spec = importlib.util.find_spec("faster_whisper")
    assert spec is not None
    assert spec.origin is not None
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    path = Path(spec.origin).parent / "assets" / "silero_vad_v6.onnx"
    session: Session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session


class SpeechDetector:
    """One file's detector: the network's state and the last samples carry over, so that the size of blocks has no effect."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._h: NDArray[np.float32] = np.zeros(_STATE, np.float32)
        self._c: NDArray[np.float32] = np.zeros(_STATE, np.float32)
        self._context: NDArray[np.float32] = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._rest: Samples = np.zeros(0, np.int16)
        self.cpu_s = 0.0  # used so far

    def feed(self, block: Samples) -> Probabilities:
        """The probabilities of the windows that are complete now."""
        samples = np.concatenate((self._rest, block)) if len(self._rest) else block
        whole = len(samples) - len(samples) % WINDOW_SAMPLES
        self._rest = samples[whole:]
        return self._infer(samples[:whole])

    def finish(self) -> Probabilities:
        """The last window, padded with silence. There is always one, as in faster-whisper."""
        return self._infer(np.pad(self._rest, (0, WINDOW_SAMPLES - len(self._rest))))

    def _infer(self, samples: Samples) -> Probabilities:
        if not len(samples):
            return np.zeros(0, np.float32)
        began_s = time.thread_time()
        scaled = samples.astype(np.float32) / np.float32(32768)
        windows = scaled.reshape(-1, WINDOW_SAMPLES)
        contexts = np.vstack((self._context, windows[:-1, -CONTEXT_SAMPLES:]))
        self._context = windows[-1, -CONTEXT_SAMPLES:]
        inputs = {"input": np.hstack((contexts, windows)), "h": self._h, "c": self._c}
        probabilities, self._h, self._c = self._session.run(None, inputs)
        self.cpu_s += time.thread_time() - began_s
        return probabilities.reshape(-1)
