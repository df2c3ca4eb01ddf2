"""The default compute type: it suits the model, and the device supports it."""

import pytest

from processors.transcriber.loading import best_compute_type
from runtime.models import catalogue

CPU = {"int8", "int8_float32", "float32"}
GPU = {"int8", "int8_float32", "float32", "float16", "int8_float16"}


@pytest.mark.parametrize(
    ("name", "device", "supported", "chosen"),
    [
        ("base", "cpu", CPU, "int8"),
        ("demo", "cpu", CPU, "float32"),
        ("base", "cuda", GPU, "int8_float16"),
        ("demo", "cuda", GPU, "float32"),
        ("base", "cuda", GPU - {"int8_float16"}, "float16"),
        ("base", "cuda", {"float32", "int8_float32"}, "float32"),
        ("base", "cpu", {"float32"}, "float32"),
    ],
)
def test_the_first_that_the_device_can_compute_in(name: str, device: str, supported: set[str], chosen: str) -> None:
    assert best_compute_type(catalogue.resolve(name), device, supported) == chosen
