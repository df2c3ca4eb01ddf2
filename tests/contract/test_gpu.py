"""The engine on a GPU, with the demo model: what a double that raises CTranslate2's errors cannot show."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import ctranslate2
import numpy as np
import pytest
from structlog.typing import EventDict

from processors.transcriber.device_faults import OutOfMemory
from processors.transcriber.engine import Window
from processors.transcriber.loading import load
from processors.transcriber.mel import LogMel
from processors.transcriber.torch_mel import TorchLogMel
from processors.transcriber.whisper import WhisperEngine
from runtime import gpus
from runtime.models import catalogue
from runtime.settings import Settings
from schemas.options import DecodingOptions
from tests.clips import CLIPS, Clip, word_errors
from tests.contract.reading import NO_GPU, chunks, read, waveform

MIB = 1 << 20
BATCH = 16
LEFT_MIB = (512, 256, 128, 64, 32)  # of the device's memory, from more than a batch needs to less
SHARED_MIB = (400, 200, 100)  # enough for a batch of 16 alone, and less
LOSES_ITS_CONTEXT = """
import numpy, torch
from processors.transcriber.engine import Window
from processors.transcriber.loading import load
from runtime.models import catalogue
from runtime.settings import Settings
from schemas.options import DecodingOptions

engine = load(catalogue.resolve("demo"), Settings(_env_file=None, device="cuda", compute_type="float16"))
engine.warm_up()
try:
    torch.zeros(1, device="cuda")[torch.tensor([10**9], device="cuda")].cpu()
except RuntimeError:
    pass
engine.transcribe([Window(numpy.zeros(16_000, numpy.int16), DecodingOptions())])
"""

pytestmark = pytest.mark.skipif(not ctranslate2.get_cuda_device_count(), reason=NO_GPU)


def loaded(compute_type: str) -> WhisperEngine:
    return load(catalogue.resolve("demo"), Settings(_env_file=None, device="cuda", compute_type=compute_type, batch_size=BATCH))


@pytest.fixture(scope="module", params=["float16", "int8_float16", "float32"])
def engine(request: pytest.FixtureRequest) -> WhisperEngine:
    found = loaded(request.param)
    found.warm_up()
    return found


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.file)
def test_every_clip_reads_within_its_bound(engine: WhisperEngine, clip: Clip) -> None:
    _, found = read(engine, clip.file, DecodingOptions(words=True))
    text = " ".join(segment.text for segment in found)
    assert word_errors(clip.text, text) <= clip.wer_max, text


def batch() -> list[Window]:
    cut = [samples for samples, _ in chunks(waveform("en-two-minutes.flac"))]
    return [Window(cut[at % len(cut)], DecodingOptions()) for at in range(BATCH)]


def texts(engine: WhisperEngine, windows: list[Window]) -> list[str]:
    return [text.whole for text in engine.transcribe(windows)]


def test_a_batch_reads_as_its_windows_do_alone(engine: WhisperEngine) -> None:
    windows = batch()
    alone = [texts(engine, [window])[0] for window in windows]
    errors = [word_errors(one, other) for one, other in zip(alone, texts(engine, windows), strict=True)]
    assert np.mean(errors) < 0.05


def test_spectrograms_are_computed_there_and_are_those_of_the_cpu(engine: WhisperEngine) -> None:
    pytest.importorskip("torch")
    assert isinstance(engine._log_mel, TorchLogMel)
    waveforms = [waveform("en-two-minutes.flac")[: 30 * 16_000], waveform("en-numbers.flac")[: 7 * 16_000]]
    for mels in (80, 128):
        assert np.abs(TorchLogMel(mels)(waveforms, 3000) - LogMel(mels)(waveforms, 3000)).max() < 1e-3


def test_the_driver_counts_what_a_model_takes() -> None:
    before = sum(gpu.used_bytes for gpu in gpus.read())
    engine = loaded("float32")
    engine.warm_up()
    assert sum(gpu.used_bytes for gpu in gpus.read()) > before


@contextmanager
def only_left(left_bytes: int) -> Iterator[None]:
    """So much of the device's memory is free, for as long as this lasts."""
    torch: Any = pytest.importorskip("torch")
    torch.cuda.empty_cache()  # of spectrograms: a window would fit into it
    free_bytes, _ = torch.cuda.mem_get_info()
    taken = torch.empty(max(0, free_bytes - left_bytes), dtype=torch.uint8, device="cuda")
    try:
        yield
    finally:
        del taken
        torch.cuda.empty_cache()


def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    engine, windows = loaded("float16"), batch()
    expected = texts(engine, windows)
    for left_mib in LEFT_MIB:
        with only_left(left_mib * MIB):
            found = texts(engine, windows)
        if engine.batch_size < BATCH:
            assert np.mean([word_errors(one, other) for one, other in zip(expected, found, strict=True)]) < 0.05
            return
    pytest.fail(f"a batch of {BATCH} has fitted into {LEFT_MIB[-1]} MiB")


def test_a_window_that_does_not_fit_is_out_of_memory_and_fits_again_later() -> None:
    engine, windows = loaded("float16"), batch()[:1]
    expected = texts(engine, windows)
    with only_left(0), pytest.raises(OutOfMemory):
        engine.transcribe(windows)
    assert texts(engine, windows) == expected


def test_two_threads_that_run_out_of_memory_do_not_lose_the_device(logged: list[EventDict]) -> None:
    """The error that CUDA keeps comes to either of them. A window that does not fit beside the other's batch is out of memory."""
    engine, windows, both = loaded("float16"), batch(), Barrier(2)
    expected = texts(engine, windows)

    def attempt(_: int) -> list[str] | OutOfMemory:
        both.wait()
        try:
            return texts(engine, windows)
        except OutOfMemory as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(attempt, range(2))] == [expected] * 2  # each thread has what torch keeps for it
        for left_mib in SHARED_MIB:
            with only_left(left_mib * MIB):
                found = [*pool.map(attempt, range(4))]
            read_ones = [each for each in found if isinstance(each, list)]
            assert all(np.mean([*map(word_errors, expected, each)]) < 0.05 for each in read_ones)
    assert {"batch.halved", "batch.repeated"} <= {line["event"] for line in logged}


def test_after_an_illegal_access_the_device_is_lost() -> None:
    pytest.importorskip("torch")
    ended = subprocess.run([sys.executable, "-c", LOSES_ITS_CONTEXT], capture_output=True, text=True, timeout=120, check=False)
    assert "DeviceLost" in ended.stderr, ended.stderr
