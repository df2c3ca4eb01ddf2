"""Which workers are there, by their reports, and what `/api/gpu-status` makes of their GPUs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from producers.gateway.view.workers import GIB, STALE, WorkerBook, gpu_document
from schemas.worker import WorkerDevice, WorkerModel, WorkerReported

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def report(name: str, at: datetime = NOON, **more: Any) -> WorkerReported:
    return WorkerReported.model_validate({"worker_id": name, "at": at, "models": (), **more})


def gpu(uuid: str, **more: Any) -> WorkerDevice:
    memory = {"total_bytes": 80 * GIB, "free_bytes": 60 * GIB, "used_bytes": 20 * GIB}
    return WorkerDevice.model_validate(
        {"id": 0, "uuid": uuid, "name": "a GPU", "compute_capability": "9.0", "allocated_bytes": 3 * GIB, **memory, **more}
    )


def test_the_newest_report_of_each_worker_counts_in_whatever_order_they_come() -> None:
    book = WorkerBook()
    later = NOON + timedelta(seconds=10)
    for each in (report("b"), report("a", later, replicas=2), report("a", replicas=1)):
        book.note(each)
    assert [(each.worker_id, each.replicas) for each in book.latest(later)] == [("a", 2), ("b", 0)]


def test_a_worker_without_a_report_for_three_minutes_is_not_there_until_it_reports_again() -> None:
    book = WorkerBook()
    book.note(report("a"))
    assert book.latest(NOON + STALE)
    gone = NOON + STALE + timedelta(seconds=1)
    assert book.latest(gone) == []
    book.note(report("a", gone))
    assert book.latest(gone)


def test_the_book_is_bounded_and_keeps_those_that_report() -> None:
    book = WorkerBook(workers_max=2)
    for name in ("a", "b", "a", "c"):
        book.note(report(name))
    assert [each.worker_id for each in book.latest(NOON)] == ["a", "c"]


def test_a_worker_that_has_ended_is_not_there_any_more() -> None:
    book = WorkerBook()
    book.note(report("a"))
    book.forget("a")
    book.forget("unknown")
    assert book.latest(NOON) == []


def test_without_a_report_no_device_is_known() -> None:
    assert gpu_document([]) == {"gpu_available": False, "device": None, "gpu_count": 0, "gpus": []}


def test_without_a_gpu_models_are_on_the_cpu() -> None:
    model = WorkerModel(name="base", revision="1", state="loaded", device="cpu")
    assert gpu_document([report("a", models=(model,))]) == {"gpu_available": False, "device": "cpu", "gpu_count": 0, "gpus": []}


def test_a_gpu_that_two_workers_share_is_one_with_the_memory_of_the_newest_report() -> None:
    on_gpu = WorkerModel(name="base", revision="1", state="loaded", device="cuda")
    newer = gpu("GPU-1", used_bytes=30 * GIB, free_bytes=50 * GIB)
    shared = [report("b", NOON + timedelta(seconds=5), devices=(newer,)), report("a", devices=(gpu("GPU-1"),), models=(on_gpu,))]
    document = gpu_document([*shared, report("c", devices=(gpu("GPU-2", id=1),))])
    assert (document["gpu_available"], document["device"], document["gpu_count"]) == (True, "cuda", 2)
    assert document["gpus"][0] == {
        "id": 0,
        "uuid": "GPU-1",
        "name": "a GPU",
        "memory_allocated_gb": 6,
        "memory_reserved_gb": 30,
        "memory_total_gb": 80,
        "memory_free_gb": 50,
        "compute_capability": "9.0",
        "workers": ["a", "b"],
    }
    assert document["gpus"][1]["workers"] == ["c"]
