"""Which model a submission asks for, and what `/api/models` lists."""

import pytest

from producers.gateway.models import models_document, requested_model
from producers.gateway.problems import Problem
from runtime import metrics
from runtime.models import catalogue

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


def test_every_served_model_is_listed_and_one_is_the_default() -> None:
    listed = models_document((DEMO, BASE), {})["models"]
    assert [(model["id"], model["default"], model["revision"]) for model in listed] == [
        ("demo", True, DEMO.ref.revision),
        ("base", False, BASE.ref.revision),
    ]


def test_what_was_done_with_a_model_is_known_where_the_transcriber_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = {"load_seconds_count": 2, "load_seconds_sum": 3.0, "windows_total": 7, "memory_bytes": 5000}
    figures = {(f"murmur_model_{name}", "base"): value for name, value in counted.items()}
    monkeypatch.setattr(metrics, "value", lambda name, model: figures.get((name, model), 0.0))
    keys = ("state", "loads", "load_s", "windows", "memory_bytes")
    demo, base = models_document((DEMO, BASE), {"transcriber": None})["models"]
    assert [base[key] for key in keys] == ["loaded", 2, 1.5, 7, 5000]
    assert [demo[key] for key in keys] == ["not loaded", 0, None, 0, 0]
    starting = models_document((DEMO,), {"transcriber": "the model is loading"})["models"][0]
    assert starting["state"] == "loading"
    elsewhere = models_document((BASE,), {})["models"][0]
    assert [elsewhere[key] for key in keys] == [None] * 5
