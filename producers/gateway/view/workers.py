"""The transcribers as they report themselves on `workers`, kept in memory, and the document of `/api/gpu-status`."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cachetools import FIFOCache

from schemas.worker import WorkerDevice, WorkerReported

STALE = timedelta(minutes=3)  # a worker reports at least once a minute
WORKERS_MAX = 1000
GIB = 1024**3


class WorkerBook:
    """Safe to call from several threads. Bounded: of too many workers those without a report for the longest time are dropped."""

    def __init__(self, workers_max: int = WORKERS_MAX) -> None:
        self._reports: FIFOCache[str, WorkerReported] = FIFOCache(workers_max)  # by their last report
        self._lock = threading.Lock()

    def note(self, report: WorkerReported) -> None:
        """The newest report of each worker counts, in whatever order they come."""
        with self._lock:
            known = self._reports.get(report.worker_id)
            if known is None or known.at <= report.at:
                self._reports[report.worker_id] = report

    def forget(self, worker_id: str) -> None:
        """It has ended."""
        with self._lock:
            self._reports.pop(worker_id, None)

    def latest(self, now: datetime) -> list[WorkerReported]:
        """Of the workers that have reported lately, by their ids."""
        with self._lock:
            reports = [each for each in self._reports.values() if now - each.at <= STALE]
        return sorted(reports, key=lambda report: report.worker_id)


def gpu_document(reports: Sequence[WorkerReported]) -> dict[str, Any]:
    """A GPU that several workers share is one; its memory is that of the newest report. `device`: of the loaded models."""
    devices: dict[str, list[tuple[WorkerReported, WorkerDevice]]] = {}
    for report in sorted(reports, key=lambda each: each.at):
        for device in report.devices:
            devices.setdefault(device.uuid, []).append((report, device))
    used = {model.device for report in reports for model in report.models if model.device is not None}
    return {
        "gpu_available": bool(devices),
        "device": "cuda" if "cuda" in used else next(iter(used), None),
        "gpu_count": len(devices),
        "gpus": [_gpu(devices[uuid]) for uuid in sorted(devices)],
    }


def _gpu(reported: Sequence[tuple[WorkerReported, WorkerDevice]]) -> dict[str, Any]:
    """Oldest report first."""
    _, newest = reported[-1]
    return {
        "id": newest.id,
        "uuid": newest.uuid,
        "name": newest.name,
        "memory_allocated_gb": _gb(sum(device.allocated_bytes for _, device in reported)),
        "memory_reserved_gb": _gb(newest.used_bytes),
        "memory_total_gb": _gb(newest.total_bytes),
        "memory_free_gb": _gb(newest.free_bytes),
        "compute_capability": newest.compute_capability,
        "workers": sorted(report.worker_id for report, _ in reported),
    }


def _gb(size_bytes: int) -> float:
    return round(size_bytes / GIB, 3)
