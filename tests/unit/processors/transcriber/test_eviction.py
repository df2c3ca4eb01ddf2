"""Which model is loaded next, and which one makes room for it: a table of situations."""

import pytest

from processors.transcriber.eviction import LOADS, TURN_S, CacheLimits, Decision, Loaded, decide
from schemas.options import ModelRef

A, B, C = (ModelRef(name=name, revision="1") for name in "abc")
NOW_S = 1000.0
LONG_AGO_S = 100.0


def loaded(
    model: ModelRef,
    *,
    wanted: bool = False,
    changing: bool = False,
    since_s: float = LONG_AGO_S,
    used_s: float = NOW_S - 1,
    load_s: float = 1.0,
) -> Loaded:
    return Loaded(model, wanted, changing, since_s, used_s, load_s)


ONE, TWO, IDLE = CacheLimits(1), CacheLimits(2), CacheLimits(2, idle_s=60.0)
NOTHING = Decision()


@pytest.mark.parametrize(
    ("there", "waiting", "limits", "decision"),
    [
        pytest.param([], [A], ONE, Decision(load=A), id="the first one"),
        pytest.param([loaded(A)], [], ONE, NOTHING, id="nothing is asked for"),
        pytest.param([loaded(A, wanted=True)], [B], TWO, Decision(load=B), id="there is a place"),
        pytest.param([loaded(A, wanted=True), loaded(B, changing=True)], [C], CacheLimits(3), NOTHING, id="one at a time"),
        pytest.param([loaded(A)], [B, C], ONE, Decision(replaced=A), id="nothing asks for the one that is there"),
        pytest.param([loaded(A, used_s=5), loaded(B, used_s=4)], [C], TWO, Decision(replaced=B), id="least recently used"),
        pytest.param([loaded(A, used_s=4, wanted=True), loaded(B)], [C], TWO, Decision(replaced=B), id="not what is asked for"),
        pytest.param(
            [loaded(A, wanted=True, since_s=NOW_S - TURN_S + 1)], [B], ONE, NOTHING, id="what is asked for keeps its turn"
        ),
        pytest.param([loaded(A, wanted=True, since_s=NOW_S - TURN_S)], [B], ONE, Decision(replaced=A), id="its turn is over"),
        pytest.param(
            [loaded(A, wanted=True, since_s=200), loaded(B, wanted=True, since_s=199)],
            [C],
            TWO,
            Decision(replaced=B),
            id="the longest turn",
        ),
        pytest.param(
            [loaded(A, since_s=NOW_S - LOADS * 30 + 1, load_s=30)], [B], ONE, NOTHING, id="loading is not most of the work"
        ),
        pytest.param(
            [loaded(A, since_s=NOW_S - TURN_S, wanted=True, load_s=TURN_S)], [B], ONE, NOTHING, id="nor with a longer turn"
        ),
        pytest.param([loaded(A, changing=True)], [B], ONE, NOTHING, id="one is already leaving"),
        pytest.param([loaded(A, used_s=NOW_S - 60)], [], IDLE, Decision(idle=(A,)), id="unused for too long"),
        pytest.param([loaded(A, used_s=NOW_S - 59)], [], IDLE, NOTHING, id="not yet for too long"),
        pytest.param([loaded(A, used_s=NOW_S - 99, wanted=True)], [], IDLE, NOTHING, id="but asked for"),
        pytest.param([loaded(A, used_s=NOW_S - 9999)], [], TWO, NOTHING, id="zero: never"),
        pytest.param(
            [loaded(A, used_s=NOW_S - 60), loaded(B, wanted=True)], [C], IDLE, Decision(idle=(A,)), id="an idle one makes room"
        ),
    ],
)
def test_what_is_loaded_and_what_is_unloaded(
    there: list[Loaded], waiting: list[ModelRef], limits: CacheLimits, decision: Decision
) -> None:
    assert decide(there, waiting, limits, NOW_S) == decision
