"""The order of batches: groups are never mixed, bulk gets its share, and nothing waits without end."""

import random
from collections import Counter
from dataclasses import dataclass

import pytest

from processors.transcriber.batching import Turns
from schemas.record import Lane


@dataclass(frozen=True)
class Chunk:
    lane: Lane
    group: int = 0
    number: int = 0


def run(size: int, groups: int, rounds: int, seed: int = 1) -> list[list[Chunk]]:
    """Both lanes always wait, with chunks of random groups."""
    rng = random.Random(seed)
    turns, number = Turns(), 0
    waiting: list[Chunk] = []
    taken = []
    for _ in range(rounds):
        lanes: tuple[Lane, Lane] = ("interactive", "bulk")
        for lane in lanes:
            while sum(chunk.lane == lane for chunk in waiting) < 2 * size:
                waiting.append(Chunk(lane, rng.randrange(groups), number))
                number += 1
        batch = turns.take(waiting, size)
        taken.append(batch)
        waiting = [chunk for chunk in waiting if chunk not in batch]
    return taken


@pytest.mark.parametrize("size", [1, 2, 3, 8, 16])
@pytest.mark.parametrize("groups", [1, 3, 12])
def test_bulk_gets_a_quarter_of_the_places_and_interactive_the_rest(size: int, groups: int) -> None:
    taken = [chunk.lane for batch in run(size, groups, rounds=200) for chunk in batch]
    share = Counter(taken)["bulk"] / len(taken)
    assert share >= 0.22
    if groups < 12 or size < 8:  # else most batches have places that no interactive chunk can take
        assert share <= 0.35


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


def test_alone_in_one_replica_every_fourth_chunk_is_bulk() -> None:
    lanes = [batch[0].lane[0] for batch in run(1, groups=1, rounds=12)]
    assert "".join(lanes) == "iiibiiibiiib"


def test_an_empty_lane_leaves_its_places_to_the_other() -> None:
    turns = Turns()
    bulk = [Chunk("bulk", number=number) for number in range(8)]
    assert turns.take(bulk, 4) == bulk[:4]
    two = [Chunk("interactive", number=number) for number in range(8, 10)]
    assert turns.take([*bulk, *two], 8) == [*two, *bulk[:6]]


def test_bulk_accumulates_no_turns_while_nothing_else_waits() -> None:
    turns = Turns()
    for _ in range(50):
        turns.take([Chunk("interactive")], 1)
    assert turns.take([Chunk("bulk"), Chunk("interactive")], 1) == [Chunk("interactive")]


def test_where_nothing_waits_nothing_is_taken() -> None:
    assert Turns().take([], 4) == []
