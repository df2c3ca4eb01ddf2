"""Several models behind one gateway: which one a job gets, and what is checked against it."""

from pathlib import Path

from runtime.kafka.client import Kafka
from runtime.models import catalogue
from tests.contract.gateway.running_gateway import is_problem, running, submitted
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
