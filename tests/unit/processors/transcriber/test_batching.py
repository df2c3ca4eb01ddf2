"""The order of batches: groups are never mixed, bulk gets its share, and nothing waits without end."""

import heapq
import random
from dataclasses import dataclass

import pytest

from processors.transcriber.batching import Filling, Turns
from schemas.record import Lane


@dataclass(frozen=True)
class Chunk:
    lane: Lane
    group: int = 0
    number: int = 0
    cost_s: float = 8.0


COSTS_S: dict[Lane, float] = {"interactive": 8.0, "bulk": 32.0}


def run(size: int, groups: int, rounds: int, seed: int = 1) -> list[list[Chunk]]:
    """Both lanes always wait, with chunks of random groups; those of bulk are four times as long."""
    rng = random.Random(seed)
    turns, number = Turns(), 0
    waiting: list[Chunk] = []
    taken = []
    for _ in range(rounds):
        lanes: tuple[Lane, Lane] = ("interactive", "bulk")
        for lane in lanes:
            while sum(chunk.lane == lane for chunk in waiting) < 2 * size:
                waiting.append(Chunk(lane, rng.randrange(groups), number, COSTS_S[lane]))
                number += 1
        batch = turns.take(waiting, size)
        taken.append(batch)
        waiting = [chunk for chunk in waiting if chunk not in batch]
    return taken


def share_of_bulk(taken: list[list[Chunk]]) -> float:
    """Of the work."""
    costs = {lane: sum(chunk.cost_s for batch in taken for chunk in batch if chunk.lane == lane) for lane in COSTS_S}
    return costs["bulk"] / sum(costs.values())


@pytest.mark.parametrize("size", [1, 2, 3, 8, 16])
@pytest.mark.parametrize("groups", [1, 3, 12])
def test_bulk_has_at_least_a_twentieth_of_the_work(size: int, groups: int) -> None:
    assert share_of_bulk(run(size, groups, rounds=1200)) >= 0.045


@pytest.mark.parametrize("size", [1, 2, 3, 8, 16])
def test_bulk_has_no_more_than_that_where_short_files_fill_every_batch(size: int) -> None:
    assert share_of_bulk(run(size, groups=1, rounds=1200)) <= 0.055


@pytest.mark.parametrize("size", [1, 2, 3, 8, 16])
def test_a_batch_is_never_empty_too_large_or_mixed(size: int) -> None:
    for batch in run(size, groups=4, rounds=200):
        assert 1 <= len(batch) <= size
        assert len({chunk.group for chunk in batch}) == 1


@pytest.mark.parametrize("size", [1, 4, 16])
def test_nothing_waits_without_end_in_a_steady_stream(size: int) -> None:
    for lane in ("interactive", "bulk"):
        numbers = [chunk.number for batch in run(size, groups=6, rounds=200) for chunk in batch if chunk.lane == lane]
        overtaken = max(sum(later > number for later in numbers[:at]) for at, number in enumerate(numbers))
        assert overtaken <= 40 * size


def test_a_long_chunk_waits_until_nineteen_times_its_work_has_gone_first() -> None:
    lanes = [batch[0].lane[0] for batch in run(1, groups=1, rounds=154)]
    assert "".join(lanes) == "i" * 76 + "b" + "i" * 76 + "b"


def seconds_until_done(replicas: int, clips: int, bulk_chunks: int) -> float:
    """Until the last of the clips is done, which come when every replica has just begun a bulk chunk, if there are any."""
    turns = Turns()
    waiting = [Chunk("bulk", number=number, cost_s=COSTS_S["bulk"]) for number in range(bulk_chunks)]
    ends = [COSTS_S["bulk"] if bulk_chunks else 0.0] * replicas
    waiting += [Chunk("interactive", number=bulk_chunks + number) for number in range(clips)]
    done_s = 0.0
    while any(chunk.lane == "interactive" for chunk in waiting):
        now_s = heapq.heappop(ends)
        (chunk,) = turns.take(waiting, 1)
        waiting.remove(chunk)
        heapq.heappush(ends, now_s + chunk.cost_s)
        if chunk.lane == "interactive":
            done_s = max(done_s, now_s + chunk.cost_s)
    return done_s


@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_clips_wait_for_the_chunks_in_hand_and_for_a_twentieth_of_the_work(replicas: int) -> None:
    alone_s = seconds_until_done(replicas, clips=200, bulk_chunks=0)
    behind_s = seconds_until_done(replicas, clips=200, bulk_chunks=100)
    assert behind_s <= COSTS_S["bulk"] + alone_s / 0.95 + COSTS_S["bulk"]


@pytest.mark.parametrize(
    ("waiting", "size", "replicas", "taken"),
    [(1, 8, 2, 1), (2, 8, 2, 1), (3, 8, 2, 2), (6, 8, 2, 3), (6, 8, 1, 6), (40, 8, 2, 8), (6, 1, 2, 1), (5, 8, 16, 1)],
)
@pytest.mark.parametrize("lane", ["interactive", "bulk"])
def test_a_batch_leaves_the_other_idle_replicas_their_share(
    lane: Lane, waiting: int, size: int, replicas: int, taken: int
) -> None:
    chunks = [Chunk(lane, number=number) for number in range(waiting)]
    assert Turns().take(chunks, size, replicas) == chunks[:taken]


@pytest.mark.parametrize(
    ("lane", "took_s", "taken"),
    [
        *(("interactive", took_s, taken) for took_s, taken in ((0.1, 8), (8.0, 4), (16.0, 2), (31.9, 1), (1000.0, 1))),
        *(("bulk", took_s, taken) for took_s, taken in ((0.1, 8), (2.4, 4), (4.8, 2), (8.0, 1), (1000.0, 1))),
    ],
)
def test_a_batch_is_no_larger_than_the_engine_does_in_a_short_time(lane: Lane, took_s: float, taken: int) -> None:
    turns = Turns()
    turns.done(cost_s=64.0, took_s=took_s)  # eight chunks
    chunks = [Chunk(lane, number=number) for number in range(20)]
    assert turns.take(chunks, 8) == chunks[:taken]


def test_the_speed_of_the_engine_is_that_of_recent_batches() -> None:
    turns = Turns()
    turns.done(cost_s=8.0, took_s=100.0)
    chunks = [Chunk("bulk", number=number) for number in range(8)]
    assert len(turns.take(chunks, 8)) == 1
    for _ in range(50):
        turns.done(cost_s=8.0, took_s=0.1)
    assert len(turns.take(chunks, 8)) == 8


def test_an_empty_lane_leaves_its_places_to_the_other() -> None:
    turns = Turns()
    bulk = [Chunk("bulk", number=number) for number in range(8)]
    assert turns.take(bulk, 4) == bulk[:4]


def test_long_files_do_not_fill_the_batch_of_a_short_one() -> None:
    bulk = [Chunk("bulk", number=number) for number in range(8)]
    two = [Chunk("interactive", number=number) for number in range(8, 10)]
    assert Turns().take([*bulk, *two], 8) == two


def test_bulk_accumulates_no_turns_while_nothing_else_waits() -> None:
    turns = Turns()
    for _ in range(50):
        turns.take([Chunk("interactive")], 1)
    assert turns.take([Chunk("bulk"), Chunk("interactive")], 1) == [Chunk("interactive")]


def test_where_nothing_waits_nothing_is_taken() -> None:
    assert Turns().take([], 4) == []


class Filled:
    """`Filling` with a clock, and what it asked to be woken after."""

    def __init__(self, wait_s: float) -> None:
        self.now_s = 0.0
        self.wakes: list[float] = []
        self.filling = Filling(wait_s, self.wakes.append, lambda: self.now_s)

    def is_due(self, at_s: float, waiting: int, size: int = 4) -> bool:
        self.now_s = at_s
        return self.filling.is_due(waiting, size)


def test_a_batch_waits_for_more_chunks_until_its_time_is_over() -> None:
    filled = Filled(0.5)
    assert [filled.is_due(at_s, 1) for at_s in (10.0, 10.2, 10.49, 10.5)] == [False, False, False, True]
    assert filled.wakes == [0.5]
    assert [filled.is_due(at_s, 1) for at_s in (11.0, 11.5)] == [False, True], "the next one has a time of its own"


def test_a_batch_that_is_full_waits_no_longer() -> None:
    filled = Filled(0.5)
    assert [filled.is_due(10.0, 3), filled.is_due(10.1, 4)] == [False, True]
    assert not filled.is_due(10.6, 1), "it has not waited yet"


@pytest.mark.parametrize(("wait_s", "size"), [(0.0, 8), (0.5, 1)])
def test_without_a_time_or_with_one_chunk_a_batch_nothing_waits(wait_s: float, size: int) -> None:
    filled = Filled(wait_s)
    assert filled.is_due(10.0, 1, size)
    assert filled.wakes == []
