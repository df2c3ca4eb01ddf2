"""The GPUs of this machine as their driver describes them, through NVML. Without a driver or the `[gpu]` extra there are none.

Read by the transcriber, for its memory guard and its reports, and by the doctor. Memory is of the whole device: CTranslate2's is
in no count of torch.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Gpu:
    """Memory is that of all processes."""

    id: int
    uuid: str
    name: str
    compute_capability: str
    total_bytes: int
    used_bytes: int


def read() -> tuple[Gpu, ...]:
    """All of them, in the driver's order. A millisecond or less after the first call. Raises nothing: what cannot be read is not
    there."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
        return tuple(_read(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError:  # no driver, or one that does not match
        return ()


def _read(nvml: Any, index: int) -> Gpu:
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(device)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(device)
    name, uuid = nvml.nvmlDeviceGetName(device), nvml.nvmlDeviceGetUUID(device)
    return Gpu(index, uuid, name, f"{major}.{minor}", int(memory.total), int(memory.used))
