"""The texts of CTranslate2's errors, and what each says about the GPU. The library's own file is the source."""

import importlib.util
import mmap
from pathlib import Path

import pytest

from processors.transcriber.device_faults import CONTEXT_LOST, FAILED, OUT_OF_MEMORY, OutOfMemory, fault_of, typed
from runtime.errors import DeviceLost, UsageError


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("CUDA failed with error out of memory", "out_of_memory"),
        ("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED", "out_of_memory"),
        ("cuDNN failed with status CUDNN_STATUS_ALLOC_FAILED", "out_of_memory"),
        ("CUDA failed with error an illegal memory access was encountered", "context_lost"),
        ("CUDA failed with error unspecified launch failure", "context_lost"),
        ("CUDA failed with error uncorrectable ECC error encountered", "context_lost"),
        ("cuBLAS failed with status CUBLAS_STATUS_EXECUTION_FAILED", "context_lost"),
        ("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 4.00 GiB", "out_of_memory"),
        ("CUDA error: an illegal memory access was encountered", "context_lost"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "out_of_memory"),
        ("CUDA error: device-side assert triggered\nSearch for `cudaErrorAssert' in", "context_lost"),
        ("CUDA failed with error device-side assert triggered", "context_lost"),
        ("parallel_for failed: cudaErrorInvalidDevice: invalid device ordinal", "stale_error"),
        ("parallel_for failed: cudaErrorInvalidConfiguration: invalid configuration argument", None),
        ("CUDA failed with error CUDA driver version is insufficient for CUDA runtime version", None),
        ("cuBLAS failed with status CUBLAS_STATUS_INVALID_VALUE", None),
        ("the model gave 2 texts for 1 windows", None),
        ("out of memory", None),
    ],
)
def test_an_error_of_the_library_is_a_fault_of_the_device_or_none(text: str, fault: str | None) -> None:
    assert fault_of(RuntimeError(text)) == fault


def test_faults_become_typed_errors_and_others_stay() -> None:
    assert isinstance(typed(RuntimeError("CUDA failed with error out of memory")), OutOfMemory)
    assert isinstance(typed(RuntimeError("CUDA failed with error misaligned address")), DeviceLost)
    assert isinstance(typed(RuntimeError("parallel_for failed: cudaErrorInvalidDevice: invalid device ordinal")), DeviceLost)
    for other in (RuntimeError("a bug"), UsageError("CUDA failed with error out of memory")):
        assert typed(other) is other


def test_the_texts_are_those_of_the_installed_library() -> None:
    """cuDNN's are in its own library, which the core install has not."""
    spec = importlib.util.find_spec("ctranslate2")
    assert spec is not None
    assert spec.origin is not None
    libraries = [*Path(spec.origin).parents[1].glob("ctranslate2.libs/libctranslate2*")]
    if not libraries:
        pytest.skip("CTranslate2 without a library of its own: built for a platform without CUDA, or from source")
    texts = [text for text in (*FAILED, *OUT_OF_MEMORY, *CONTEXT_LOST) if "CUDNN" not in text and "cuDNN" not in text]
    with libraries[0].open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(FAILED[0].encode()) < 0:
            pytest.skip("CTranslate2 was built without CUDA")
        assert [text for text in texts if content.find(text.encode()) < 0] == []
