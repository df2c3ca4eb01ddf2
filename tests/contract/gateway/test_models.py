"""Several models behind one gateway: which one a job gets, and what is checked against it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from producers.gateway.view.workers import GIB
from runtime.kafka.client import Kafka
from runtime.models import catalogue
from schemas.topics import WORKERS
from schemas.worker import WorkerDevice, WorkerModel, WorkerReported
from tests.contract.brokers import write
from tests.contract.gateway.running_gateway import RunningGateway, is_problem, running, submitted
from tests.waiting import wait_until


def test_a_job_may_ask_for_any_of_the_served_models(kafka: Kafka, tmp_path: Path) -> None:
    with running(kafka, tmp_path, models="base,tiny.en") as gateway:
        wait_until(lambda: gateway.get("/readyz").status == 200, "the gateway")
        default, other = submitted(gateway), submitted(gateway, model="tiny.en", language="en")
        refused = is_problem(gateway.submit(model="large-v3"), 400)
        assert [model["id"] for model in gateway.get("/api/models").json["models"]] == ["demo", "base", "tiny.en"]
    assert default.work.model == catalogue.resolve("demo").ref
    assert other.work.model == catalogue.resolve("tiny.en").ref
    assert (default.work.slicing.max_chunk_s, other.work.slicing.max_chunk_s) == (10, 30), "each with its own defaults"
    assert (refused["reason"], refused["served"]) == ("unknown_model", ["demo", "base", "tiny.en"])


def test_a_language_is_checked_for_the_model_that_is_asked_for(kafka: Kafka, tmp_path: Path) -> None:
    with running(kafka, tmp_path, models="base") as gateway:
        wait_until(lambda: gateway.get("/readyz").status == 200, "the gateway")
        assert gateway.submit(language="French", model="base").status == 202
        assert gateway.submit(language="French").json["reason"] == "unsupported_language"


def test_models_and_gpus_are_shown_as_the_workers_report_them_until_they_end(gateway: RunningGateway) -> None:
    demo = catalogue.resolve("demo").ref
    model = WorkerModel(name=demo.name, revision=demo.revision, state="loaded", device="cuda", loads=2, load_s=3, windows=5)
    gpu = WorkerDevice(
        id=0, uuid="GPU-1", name="a GPU", compute_capability="9.0", total_bytes=4 * GIB, free_bytes=GIB, used_bytes=3 * GIB
    )
    report = WorkerReported(worker_id="one", at=datetime.now(UTC), models=(model,), devices=(gpu,))
    for name in ("one", "two"):
        gateway.publish(WORKERS, name, report.model_copy(update={"worker_id": name}))
    wait_until(lambda: shown(gateway)["workers"] == 2, "both reports")
    assert (shown(gateway)["state"], shown(gateway)["loads"], shown(gateway)["load_s"]) == ("loaded", 4, 1.5)
    status = gateway.get("/api/gpu-status").json
    assert (status["gpu_available"], status["device"], status["gpu_count"]) == (True, "cuda", 1)
    assert (status["gpus"][0]["memory_free_gb"], status["gpus"][0]["workers"]) == (1, ["one", "two"])

    write(gateway.kafka, WORKERS, [(b"one", None), (b"two", None)])
    wait_until(lambda: shown(gateway)["state"] is None, "the end of both")
    assert gateway.get("/api/gpu-status").json["gpus"] == []


def shown(gateway: RunningGateway) -> dict[str, Any]:
    (model,) = gateway.get("/api/models").json["models"]
    assert isinstance(model, dict)
    return model
