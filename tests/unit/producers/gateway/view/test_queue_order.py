"""What is before a work in the queue, against a plain count."""

import random

import pytest

from producers.gateway.view.queue_order import SPARE_PLACES, QueueOrder
from schemas.record import Lane


def test_sums_stay_right_while_works_come_and_go() -> None:
    chance = random.Random(1)
    order, works = QueueOrder(), dict[str, tuple[Lane, float, float]]()
    for number in range(3 * SPARE_PLACES):
        work_id = str(number)
        lane: Lane = chance.choice(("interactive", "bulk"))
        works[work_id] = (lane, chance.random() * 100, chance.random() * 30)
        order.add(work_id, *works[work_id])
        if len(works) > 50:
            ended = chance.choice([*works])
            order.remove(ended)
            del works[ended]
        asked = chance.choice([*works])
        assert order.ahead_s(asked) == pytest.approx(before(works, asked))
        longest = max((chunk_s for lane, _, chunk_s in works.values() if lane == "bulk"), default=0.0)
        assert order.in_hand_s(asked) == (longest if works[asked][0] == "interactive" else 0.0)


def before(works: dict[str, tuple[Lane, float, float]], asked: str) -> float:
    total = 0.0
    for work_id, (lane, audio_s, _) in works.items():
        if work_id == asked:
            break
        total += audio_s if works[asked][0] == "bulk" or lane == "interactive" else 0.0
    return total
