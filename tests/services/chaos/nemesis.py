"""Breaks things by a schedule that a seed decides, so that a run can be had again. What it did goes to the recorder."""

import random
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

from scripts.services.kafka import Kafka
from scripts.services.store import Store
from tests.services.chaos.cluster import Cluster, Member
from tests.services.chaos.recorder import Recorder
from tests.services.chaos.wire import WHOLE, Damage, Wire
from tests.waiting import wait_until

GONE_S = 30.0
S = TypeVar("S")
Act = Literal[
    "kill", "freeze", "thaw", "restart", "come or go", "broker down", "broker ends", "broker up", "store down", "store up"
]


@dataclass(frozen=True, slots=True, order=True)
class Operation:
    """`whom`: a member's name; empty for broker and store. `at_s` counts from the start of the schedule."""

    at_s: float
    act: Act
    whom: str = ""


def kills(seed: int, members: Sequence[str], count: int, span_s: float) -> list[Operation]:
    """`count` times kill -9 within `span_s`, at random times; members in random order, each before any comes twice."""
    chance = random.Random(seed)
    order: list[str] = []
    while len(order) < count:
        order += chance.sample(members, len(members))
    return [Operation(at_s, "kill", whom) for at_s, whom in zip(_times(chance, count, span_s), order, strict=False)]


def _times(chance: random.Random, count: int, span_s: float) -> list[float]:
    return sorted(chance.uniform(0, span_s) for _ in range(count))


def freeze(at_s: float, whom: str, for_s: float) -> list[Operation]:
    return [Operation(at_s, "freeze", whom), Operation(at_s + for_s, "thaw", whom)]


def outage(what: Literal["broker", "store"], at_s: float, for_s: float) -> list[Operation]:
    if what == "broker":
        return [Operation(at_s, "broker down"), Operation(at_s + for_s, "broker up")]
    return [Operation(at_s, "store down"), Operation(at_s + for_s, "store up")]


class Nemesis:
    """`run` blocks; call it from the main thread, which the services that it starts again are leashed to."""

    def __init__(self, cluster: Cluster, recorder: Recorder, broker: Kafka | None = None, store: Store | None = None) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self._broker = broker
        self._store = store
        self._never = threading.Event()

    def run(self, operations: Sequence[Operation]) -> None:
        acts: Mapping[str, Callable[[], None]] = {
            "broker down": lambda: given(self._broker).process.kill(),
            "broker ends": lambda: self._ends(given(self._broker)),
            "broker up": lambda: given(self._broker).start(),
            "store down": lambda: given(self._store).process.kill(),
            "store up": lambda: given(self._store).start(),
        }
        began_s = self._recorder.now_s()
        for operation in sorted(operations):
            self._never.wait(max(0.0, began_s + operation.at_s - self._recorder.now_s()))
            self._recorder.fault(f"{operation.act} {operation.whom}".strip())
            if operation.act in acts:
                acts[operation.act]()
            else:
                self.strike(operation.act, self._cluster.members[operation.whom])

    @contextmanager
    def frozen(self, *members: Member) -> Iterator[None]:
        for member in members:
            self._recorder.fault(f"freeze {member.name}")
            self.strike("freeze", member)
        try:
            yield
        finally:
            for member in members:
                self._recorder.fault(f"thaw {member.name}")
                self.strike("thaw", member)

    def spoil(self, wire: Wire, what: str, damage: Damage, for_s: float) -> None:
        """Mended when it returns."""
        self._recorder.fault(what)
        wire.damage = damage
        self._never.wait(for_s)
        wire.damage = WHOLE
        self._recorder.fault("ended")

    def _ends(self, broker: Kafka) -> None:
        """SIGTERM, as a package's update does it; waits for the end."""
        broker.process.signal(signal.SIGTERM)
        assert broker.process.gone_within(GONE_S), "the broker does not end"

    def strike(self, act: Act, member: Member) -> None:
        """A kill or a freeze finds a process, if need be the one that is just being started again."""
        match act:
            case "kill":
                wait_until(lambda: member.signal(signal.SIGKILL), f"a process of {member.name} to kill")
            case "freeze":
                wait_until(lambda: member.signal(signal.SIGSTOP), f"a process of {member.name} to freeze")
            case "thaw":
                member.signal(signal.SIGCONT)
            case "restart":
                member.stop()
                member.start()
            case "come or go":
                member.stop() if member.alive else member.start()


def given(service: S | None) -> S:
    assert service is not None, "this run has no such service to break"
    return service
