"""Samples to speech probabilities, one for every window of 32 ms: Silero VAD, as a stream.

Fed by `region_source`; feeds `regions`. `scripts/vad_network.py` makes the network, `silero_vad.onnx`, of faster-whisper's.

After ten seconds of silence the network pauses until the next sound, and begins there as at the start of a file. This costs no
words: at that level it never finds speech, and without the pause its state drifts for minutes, after which up to half a second of
speech is missed (docs/decisions/0010-silero-as-matrix-products.md).
"""

import time
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from processors.slicer.audio import Samples

WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64  # the end of the window before, which is input again
QUIET_PEAK = 8  # of 32768: speech of up to twice this level stays below a probability of 0.1
QUIET_WINDOWS = 312  # ten seconds: no pause in speech
WARM_UP_WINDOWS = 8  # of the silence, before a sound: without them speech that begins at once may begin 0.1 s late
_STATE = (1, 1, 128)
_NETWORK = Path(__file__).with_name("silero_vad.onnx")
Probabilities = NDArray[np.float32]


class Session(Protocol):
    """The part of an onnxruntime session that is used. Safe to share between threads."""

    def run(self, outputs: None, inputs: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]: ...


def load_session() -> Session:
    """With one thread, since several files run in parallel."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    session: Session = onnxruntime.InferenceSession(str(_NETWORK), options, providers=["CPUExecutionProvider"])
    return session


class SpeechDetector:
    """One file's detector: the network's state and the last samples carry over, so that the size of blocks has no effect."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._h = self._c = np.zeros(_STATE, np.float32)
        self._before: Samples = np.zeros(CONTEXT_SAMPLES, np.int16)  # context, and after a pause what warms the network up
        self._quiet_windows = 0  # in succession
        self._rest: Samples = np.zeros(0, np.int16)
        self.cpu_s = 0.0  # used so far

    def feed(self, block: Samples) -> Probabilities:
        """The probabilities of the windows that are complete now."""
        samples = np.concatenate((self._rest, block)) if len(self._rest) else block
        whole = len(samples) - len(samples) % WINDOW_SAMPLES
        self._rest = samples[whole:]
        return self._detect(samples[:whole])

    def finish(self) -> Probabilities:
        """The last window, padded with silence. There is always one, as in faster-whisper."""
        return self._detect(np.pad(self._rest, (0, WINDOW_SAMPLES - len(self._rest))))

    def _detect(self, samples: Samples) -> Probabilities:
        if not len(samples):
            return np.zeros(0, np.float32)
        began_s = time.thread_time()
        windows = samples.reshape(-1, WINDOW_SAMPLES)
        left_out = self._count_quiet(windows) > QUIET_WINDOWS
        changes = np.flatnonzero(np.diff(left_out)) + 1
        parts = [
            self._leave_out(part) if left_out[at] else self._infer(part)
            for at, part in zip([0, *changes], np.split(windows, changes), strict=True)
        ]
        self.cpu_s += time.thread_time() - began_s
        return np.concatenate(parts)

    def _count_quiet(self, windows: Samples) -> NDArray[np.intp]:
        """For each window, how many quiet ones in succession end with it."""
        numbers = np.arange(len(windows))
        loud = (windows.max(axis=1) > QUIET_PEAK) | (windows.min(axis=1) < -QUIET_PEAK)
        last_loud = np.maximum.accumulate(np.where(loud, numbers, -1 - self._quiet_windows))
        quiet: NDArray[np.intp] = numbers - last_loud
        self._quiet_windows = int(quiet[-1])
        return quiet

    def _leave_out(self, windows: Samples) -> Probabilities:
        self._h = self._c = np.zeros(_STATE, np.float32)
        self._before = np.concatenate((self._before, windows.reshape(-1)))[-WARM_UP_WINDOWS * WINDOW_SAMPLES - CONTEXT_SAMPLES :]
        return np.zeros(len(windows), np.float32)

    def _infer(self, windows: Samples) -> Probabilities:
        samples = np.concatenate((self._before, windows.reshape(-1)))
        self._before = samples[-CONTEXT_SAMPLES:]
        scaled = samples * np.float32(1 / 32768)
        inputs = np.lib.stride_tricks.sliding_window_view(scaled, CONTEXT_SAMPLES + WINDOW_SAMPLES)[::WINDOW_SAMPLES]
        found, self._h, self._c = self._session.run(None, {"input": np.ascontiguousarray(inputs), "h": self._h, "c": self._c})
        return found[-len(windows) :]
