"""What the driver says of the GPUs, by a double of its library; without a driver there are none."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from runtime import gpus
from runtime.gpus import Gpu


class NVMLError(Exception):
    pass


def nvml(**changes: Any) -> SimpleNamespace:
    """NVML for two devices."""
    calls = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetMemoryInfo": lambda device: SimpleNamespace(total=100, used=40 + device),
        "nvmlDeviceGetCudaComputeCapability": lambda device: (9, 0),
        "nvmlDeviceGetUUID": lambda device: f"GPU-{device}",
        "nvmlDeviceGetName": lambda device: f"GPU number {device}",
    }
    return SimpleNamespace(**{**calls, **changes})


def test_every_device_is_described_as_its_driver_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    assert gpus.read() == (Gpu(0, "GPU-0", "GPU number 0", "9.0", 100, 40), Gpu(1, "GPU-1", "GPU number 1", "9.0", 100, 41))


def test_without_a_driver_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def init() -> None:
        raise NVMLError("no driver")

    monkeypatch.setitem(sys.modules, "pynvml", nvml(nvmlInit=init))
    assert gpus.read() == ()


def test_without_the_extra_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpus.read() == ()
