"""Sums of what came before, against the plain sum."""

import random

import pytest

from producers.gateway.view.prefix_sums import PrefixSums


def test_sums_are_those_of_what_came_before_and_was_not_removed() -> None:
    chance = random.Random(1)
    sums, values = PrefixSums(), dict[int, float]()
    for _ in range(2000):
        if values and chance.random() < 0.4:
            place = chance.choice([*values])
            sums.remove(place, values.pop(place))
        else:
            value = chance.random() * 100
            values[sums.add(value)] = value
        asked = chance.choice([*values] or [1])
        assert sums.before(asked) == pytest.approx(sum(value for place, value in values.items() if place < asked))
    assert len(sums) > len(values)
