"""A transcriber that serves several models: which are loaded, and that the others' chunks are transcribed meanwhile."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.typing import EventDict

from processors.transcriber.eviction import TURN_S, CacheLimits
from processors.transcriber.stage import LOOK_AHEAD
from runtime.errors import UsageError
from schemas.options import ModelRef
from tests.unit.processors.transcriber.bench import StandIn, System
from tests.waiting import DEADLINE_S

MOMENT_S = TURN_S / 4  # longer than the loading of a stand-in takes
A, B, C = MODELS = [ModelRef(name=name, revision="1") for name in "abc"]


class Loading:
    """Gives a stand-in for each model; `gates`: models whose loading waits; `broken`: models that cannot be loaded."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.gates: dict[ModelRef, threading.Event] = {}
        self.broken: set[ModelRef] = set()
        self.engines: dict[ModelRef, StandIn] = {}
        self.held: set[ModelRef] = set()  # their batches wait for the gate of their engine

    def __call__(self, model: ModelRef, _on_cpu: bool) -> StandIn:
        self.loads.append(model.name)
        if gate := self.gates.get(model):
            assert gate.wait(DEADLINE_S)
        if model in self.broken:
            raise UsageError("no such weights")
        engine = self.engines[model] = StandIn(replicas=1)
        if model not in self.held:
            engine.gate.set()
        return engine


class Several:
    """A system that serves all three, and how each is loaded."""

    def __init__(self, folder: Path, limits: CacheLimits) -> None:
        self.loading = Loading()
        self.system = System(folder, StandIn(), MODELS, self.loading, limits).start()

    def transcribed(self, *records: object) -> None:
        """Each model keeps its place for a moment, so the clock goes on."""
        self.system.now_s += MOMENT_S
        self.system.until(lambda: all(record in self.system.settled() for record in records), "the chunks")

    def close(self) -> None:
        for event in [*self.loading.gates.values(), *(engine.gate for engine in self.loading.engines.values())]:
            event.set()
        self.system.handler.close()


@pytest.fixture
def several(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Several]:
    made = Several(tmp_path, CacheLimits(*getattr(request, "param", (1,))))
    yield made
    made.close()


def test_only_the_default_model_is_loaded_at_the_start(several: Several) -> None:
    several.transcribed()
    assert several.loading.loads == ["a"]
    assert several.system.handler.not_ready() is None


@pytest.mark.parametrize("several", [(2,)], indirect=True)
def test_a_model_is_loaded_once_for_all_its_jobs_and_both_stay(several: Several) -> None:
    system = several.system
    records = [system.chunk(model=model, work=work) for model, work in ((B, "1"), (A, "2"), (B, "3"), (A, "4"), (B, "5"))]
    system.turn(*records)
    several.transcribed(*records)
    assert several.loading.loads == ["a", "b"]
    assert {model.name: sum(engine.batches) for model, engine in several.loading.engines.items()} == {"a": 2, "b": 3}


@pytest.mark.parametrize("several", [(2,)], indirect=True)
def test_chunks_of_a_loaded_model_are_transcribed_while_another_is_loaded(several: Several) -> None:
    several.loading.gates[B] = threading.Event()
    system = several.system
    first = [system.chunk(model=B) for _ in range(LOOK_AHEAD // 2)]
    system.turn(*first)
    assert system.handler.room("chunks.bulk") == LOOK_AHEAD - len(first)
    behind = [system.chunk(model=A) for _ in range(5)]
    system.turn(*behind)
    several.transcribed(*behind)
    assert several.loading.loads == ["a", "b"]
    assert B not in several.loading.engines
    assert system.settled() == behind


@pytest.mark.parametrize("several", [(2,)], indirect=True)
def test_audio_is_fetched_for_loaded_models_only(several: Several) -> None:
    several.loading.gates[B] = threading.Event()
    system = several.system
    system.turn(missing := system.chunk(model=B, audio=False), other := system.chunk(model=A, audio=False))
    several.transcribed(other)
    assert missing not in system.settled()
    several.loading.gates[B].set()
    several.transcribed(missing)
    assert system.kinds() == ["chunk.lost"] * 2


def test_one_place_is_given_to_the_model_that_is_asked_for(several: Several, logged: list[EventDict]) -> None:
    system = several.system
    for model in (B, A, C):
        system.turn(record := system.chunk(model=model))
        several.transcribed(record)
    assert several.loading.loads == ["a", "b", "a", "c"]
    unloaded = [(line["model"], line["reason"]) for line in logged if line["event"] == "model.unloaded"]
    assert unloaded == [("a", "replaced"), ("b", "replaced"), ("a", "replaced")]


def test_what_waits_for_the_loaded_model_is_finished_first_within_its_turn(several: Several) -> None:
    several.loading.held.add(B)
    system = several.system
    system.now_s += MOMENT_S
    system.turn(*[system.chunk(model=B) for _ in range(3)])
    system.until(lambda: B in several.loading.engines and system.begun(), "the first batch of B")
    mine = system.chunk(model=A)
    system.turn(mine)
    several.loading.engines[B].gate.set()
    system.until(lambda: len(system.settled()) == 3, "the chunks of B")
    assert several.loading.loads == ["a", "b"]
    several.transcribed(mine)
    assert several.loading.loads == ["a", "b", "a"]
    assert system.settled()[-1] is mine


def test_after_its_turn_a_model_gives_its_place_up_and_gets_it_back(several: Several) -> None:
    several.loading.held.add(B)
    system = several.system
    system.now_s += MOMENT_S
    many = [system.chunk(model=B) for _ in range(4)]
    system.turn(*many)
    system.until(system.begun, "the first batch of B")
    system.turn(mine := system.chunk(model=A))
    system.now_s += TURN_S
    system.turn()
    assert several.loading.loads == ["a", "b"], "its batch is not over"
    several.loading.engines[B].gate.set()
    several.transcribed(mine)
    assert [record for record in many if record in system.settled()] == many[:1]
    several.loading.held.discard(B)
    several.transcribed(*many)
    assert several.loading.loads == ["a", "b", "a", "b"]


def test_models_take_turns_in_a_circle(several: Several) -> None:
    several.loading.held.update(MODELS)
    system = several.system
    system.now_s += MOMENT_S
    system.turn(*[system.chunk(model=model, work=str(n)) for n in range(3) for model in (B, C)])
    for turn in range(4):
        system.until(partial(lambda turn: len(several.loading.loads) == turn + 2, turn), "the next model")
        system.until(partial(lambda turn: len(system.begun()) == turn + 1, turn), "its batch")
        system.now_s += TURN_S
        system.turn()
        [*several.loading.engines.values()][-1].gate.set()
        several.loading.engines.clear()
    assert several.loading.loads[:5] == ["a", "b", "c", "b", "c"]


def test_a_model_that_cannot_be_loaded_fails_its_jobs_and_no_others(several: Several, logged: list[EventDict]) -> None:
    several.loading.broken.add(B)
    system = several.system
    before = REGISTRY.get_sample_value("murmur_model_load_failures_total", {"model": "b"}) or 0
    system.turn(bad := system.chunk(model=B), worse := system.chunk(model=B, work="1"))
    several.transcribed(bad, worse)
    system.turn(good := system.chunk(model=A))
    several.transcribed(good)
    assert system.kinds() == ["work.failed", "work.failed", "chunk.transcribed"]
    failure = system.answers()[0].failure
    assert failure.reason == "model_unavailable"
    assert failure.message == "the model b cannot be loaded: no such weights"
    assert REGISTRY.get_sample_value("murmur_model_load_failures_total", {"model": "b"}) == before + 1
    assert [line["model"] for line in logged if line["event"] == "model.failed"] == ["b"]


def test_a_later_job_tries_to_load_it_again(several: Several) -> None:
    several.loading.broken.add(B)
    system = several.system
    system.turn(bad := system.chunk(model=B))
    several.transcribed(bad)
    several.loading.broken.clear()
    system.turn(good := system.chunk(model=B))
    several.transcribed(good)
    assert system.kinds() == ["work.failed", "chunk.transcribed"]


@pytest.mark.parametrize("several", [(1, 60.0)], indirect=True)
def test_a_model_that_is_not_used_is_unloaded_and_loaded_for_the_next_job(several: Several, logged: list[EventDict]) -> None:
    system = several.system
    system.now_s = 59
    system.turn()
    assert system.residents.engine(A)
    system.now_s += 1
    system.until(lambda: not system.residents.engine(A), "the end of its time")
    assert system.handler.not_ready() is None, "it can work: the next job loads it"
    assert system.handler.room("chunks.bulk") > 0
    system.turn(record := system.chunk(model=A))
    several.transcribed(record)
    assert several.loading.loads == ["a", "a"]
    assert [line["reason"] for line in logged if line["event"] == "model.unloaded"] == ["idle"]


@pytest.mark.parametrize("several", [(2,)], indirect=True)
def test_models_share_the_replicas(several: Several) -> None:
    several.loading.held.update([A, B])
    system = several.system
    several.loading.engines[A].gate.clear()
    system.turn(system.chunk(model=B))
    system.until(system.begun, "the batch of B")
    system.turn(system.chunk(model=A), system.chunk(model=A))
    for _ in range(20):
        system.turn()
    assert len(system.begun()) == 1, "one replica in all"
    several.loading.engines[A].gate.set()
    several.loading.engines[B].gate.set()
    system.until(lambda: len(system.settled()) == 3, "all")
