"""Which model a submission asks for, and what `/api/models` lists."""

from datetime import UTC, datetime
from typing import Any

import pytest

from producers.gateway.http.problems import Problem
from producers.gateway.system.models import models_document, requested_model
from runtime.models import catalogue
from schemas.worker import ModelState, WorkerModel, WorkerReported

KEYS = ("state", "workers", "loads", "load_s", "windows", "memory_bytes")
DEMO, TURBO, BASE = (catalogue.resolve(name) for name in ("demo", "large-v3-turbo", "base"))


def test_no_name_means_the_first() -> None:
    assert requested_model("", (DEMO, TURBO)) is DEMO


@pytest.mark.parametrize("name", ["large-v3-turbo", "turbo"])
def test_a_served_model_may_be_named_by_its_name_or_alias(name: str) -> None:
    assert requested_model(name, (DEMO, TURBO)) is TURBO


@pytest.mark.parametrize(
    ("served", "use"), [((DEMO,), "; use 'demo'."), ((DEMO, BASE), "; use one of 'demo', 'base'.")], ids=["one", "two"]
)
def test_another_model_is_refused_with_the_names_of_those_that_are_served(served: tuple[catalogue.Model, ...], use: str) -> None:
    with pytest.raises(Problem) as refused:
        requested_model("large-v3", served)
    assert refused.value.status == 400
    assert str(refused.value).endswith(use)
    assert refused.value.document["reason"] == "unknown_model"
    assert refused.value.document["served"] == [model.ref.name for model in served]


def worker(name: str, *models: WorkerModel) -> WorkerReported:
    return WorkerReported(worker_id=name, at=datetime(2026, 1, 2, tzinfo=UTC), models=models)


def use(model: catalogue.Model, state: ModelState, **figures: Any) -> WorkerModel:
    return WorkerModel(name=model.ref.name, revision=model.ref.revision, state=state, **figures)


def test_every_served_model_is_listed_and_one_is_the_default() -> None:
    listed = models_document((DEMO, BASE), [])["models"]
    assert [(model["id"], model["default"], model["revision"]) for model in listed] == [
        ("demo", True, DEMO.ref.revision),
        ("base", False, BASE.ref.revision),
    ]


def test_what_was_done_with_a_model_is_the_sum_over_the_workers() -> None:
    one = worker("one", use(DEMO, "not loaded"), use(BASE, "loaded", loads=2, load_s=3.0, windows=7, memory_bytes=5000))
    two = worker("two", use(DEMO, "loading"), use(BASE, "loaded", loads=1, load_s=0.6, windows=1, memory_bytes=4000))
    demo, base = models_document((DEMO, BASE), [one, two])["models"]
    assert [base[key] for key in KEYS] == ["loaded", 2, 3, 1.2, 8, 9000]
    assert [demo[key] for key in KEYS] == ["loading", 0, 0, None, 0, 0]
    (demo,) = models_document((DEMO,), [one])["models"]
    assert demo["state"] == "not loaded"


def test_what_no_worker_has_reported_is_null() -> None:
    other = use(BASE, "loaded", loads=1).model_copy(update={"revision": "another"})
    (base,) = models_document((BASE,), [worker("one", other)])["models"]
    assert [base[key] for key in KEYS] == [None] * 6
