"""What an error of CTranslate2 says about the device. Pure.

Its errors on a GPU are RuntimeErrors with these texts: "CUDA failed with error " and CUDA's description, "cuBLAS failed with
status " and "cuDNN failed with status " and the status' name.
"""

from typing import Literal

from runtime.errors import DeviceLost, MurmurError

FAILED = ("CUDA failed with error ", "cuBLAS failed with status ", "cuDNN failed with status ")
FAILED_TORCH = ("CUDA error: ", "CUDA out of memory")  # in the spectrograms
# Once CUDA was out of memory, the next kernel of the same thread reports this, though nothing is wrong with it (seen on an H200).
STALE = "parallel_for failed: cudaErrorInvalidDevice"
OUT_OF_MEMORY = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
# After one of these every further call of the process fails with the same error: the CUDA context cannot be repaired.
CONTEXT_LOST = (
    "an illegal memory access was encountered",
    "an illegal instruction was encountered",
    "misaligned address",
    "operation not supported on global/shared address space",
    "invalid program counter",
    "hardware stack error",
    "unspecified launch failure",
    "device-side assert triggered",
    "the launch timed out and was terminated",
    "uncorrectable ECC error encountered",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUBLAS_STATUS_MAPPING_ERROR",
    "CUBLAS_STATUS_EXECUTION_FAILED",
    "CUBLAS_STATUS_INTERNAL_ERROR",
    "CUDNN_STATUS_EXECUTION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR",
)
Fault = Literal["out_of_memory", "context_lost", "stale_error"]


class OutOfMemory(MurmurError):
    """The device has no memory for a model, or for a single window of it."""


def fault_of(error: BaseException) -> Fault | None:
    """None: not an error of the device."""
    text = str(error)
    if isinstance(error, RuntimeError) and STALE in text:
        return "stale_error"
    if not isinstance(error, RuntimeError) or not any(failed in text for failed in (*FAILED, *FAILED_TORCH)):
        return None
    if any(each in text for each in OUT_OF_MEMORY):
        return "out_of_memory"
    return "context_lost" if any(each in text for each in CONTEXT_LOST) else None


def typed(error: BaseException) -> BaseException:
    """The same error, as the word that it has here: OutOfMemory, DeviceLost, or itself."""
    match fault_of(error):
        case "out_of_memory":
            return OutOfMemory(f"the GPU has not enough memory ({error})")
        case "context_lost" | "stale_error":
            return DeviceLost(f"the GPU cannot be used by this process any more ({error})")
    return error
