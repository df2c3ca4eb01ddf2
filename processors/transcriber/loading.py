"""From a model's name to a loaded engine: download, device, compute type.

Called by `workers` in a thread of its own; gives a `whisper.WhisperEngine`.
"""

import math
import os
from collections.abc import Collection
from contextlib import suppress
from typing import Literal

from processors.transcriber.device_faults import typed
from processors.transcriber.device_guard import GPU_BATCH
from processors.transcriber.whisper import WhisperEngine
from runtime import memory, metrics
from runtime.errors import UsageError
from runtime.logs import get_logger
from runtime.models import catalogue, folder
from runtime.models.catalogue import Model
from runtime.settings import Settings

log = get_logger(__name__)
CPU_BATCH = 8  # int8, `tiny.en` and `base`, short files: 0.75 of the CPU time of one by one; 4: 0.79, 2: 0.86


class DownloadLog:
    """One line for every tenth of the model that is here."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._tenths = -1

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        tenths = 10 * done_bytes // total_bytes if total_bytes else 0
        if total_bytes and tenths > self._tenths:
            self._tenths = tenths
            log.info("model.downloading", model=self._model, percent=10 * tenths, done_bytes=done_bytes, size_bytes=total_bytes)


def load(model: Model, settings: Settings, *, on_cpu: bool = False) -> WhisperEngine:
    """Downloads the model if necessary, and loads it. `on_cpu`: there instead of on the GPU, which has no memory left. Blocks.
    Raises UsageError, OutOfMemory, DeviceLost."""
    path = catalogue.fetch(model, DownloadLog(model.ref.name))
    folder.check(path)
    import ctranslate2
    from faster_whisper import WhisperModel

    device: Literal["cpu", "cuda"] = "cpu" if on_cpu else device_of(settings)
    if device == "cpu":
        memory.keep_freed()
    # On a CPU replicas share the weights, and one thread each beats many threads in one; a GPU runs one batch at a time,
    # while the second thread prepares the next.
    replicas = 2 if device == "cuda" else settings.model_replicas or usable_cores()
    compute_type = settings.compute_type
    if compute_type == "auto" or on_cpu:  # a GPU's type may not be the CPU's
        compute_type = best_compute_type(model, device, ctranslate2.get_supported_compute_types(device))
    try:
        with metrics.MODEL_LOAD_SECONDS.labels(model.ref.name).time():
            whisper = WhisperModel(
                str(path),
                device=device,
                compute_type=compute_type,
                cpu_threads=1,
                num_workers=1 if device == "cuda" else replicas,
                local_files_only=True,
            )
    except Exception as error:  # CTranslate2, the tokenizer and JSON raise many kinds; each means incompatible files
        if (fault := typed(error)) is not error:
            raise fault from error
        raise UsageError(f"the model {model.ref.name} in {path} cannot be loaded on {device}: {error}") from error
    log.info(
        "model.loaded",
        model=model.ref.name,
        revision=model.ref.revision,
        device=device,
        compute_type=whisper.model.compute_type,
        replicas=replicas,
    )
    batch_size = GPU_BATCH if device == "cuda" else cpu_batch((path / "model.bin").stat().st_size, replicas)
    return WhisperEngine(whisper, replicas, settings.batch_size or batch_size)


def cpu_batch(weights_bytes: int, replicas: int) -> int:
    """A window that is decoded takes about a quarter of what the weights take in float16, in layers' keys and values; all batches
    together get a quarter of the free memory."""
    return max(1, min(CPU_BATCH, memory.available_bytes() // (replicas * weights_bytes)))


def device_of(settings: Settings) -> Literal["cpu", "cuda"]:
    """A GPU if there is one, unless the settings say otherwise."""
    if settings.device != "auto":
        return settings.device
    import ctranslate2

    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


def best_compute_type(model: Model, device: str, supported: Collection[str]) -> str:
    """The model's own type, else the first suitable one that the device supports, else CTranslate2's default."""
    if model.compute_type is not None:
        return model.compute_type
    wanted = ("int8", "float32") if device == "cpu" else ("int8_float16", "float16", "float32")
    return next((each for each in wanted if each in supported), "default")


def usable_cores() -> int:
    """Cores that this process may use: of the machine, and of its control group's quota, the CPU limit of a container (Linux). On
    macOS all cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no control group; "max": no quota
        quota, period = map(int, (memory.CONTROL_GROUP / "cpu.max").read_text().split())
        cores = min(cores, math.ceil(quota / period))
    return cores
