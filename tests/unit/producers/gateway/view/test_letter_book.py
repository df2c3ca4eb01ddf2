"""Dead letters in the view: those that wait, and what became of the others."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from producers.gateway.view.letter_book import KEPT_S, LetterFilter, LetterPlace
from producers.gateway.view.view import View
from runtime import metrics
from runtime.kafka.messages import Partition, Received
from schemas import codec
from schemas.deadletter import DeadLetter
from schemas.topics import DEAD_LETTERS
from tests.letters import DIED_AT, dead_letter


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    with closing(View(tmp_path / "view.sqlite3")) as view:
        view.open()
        view.follow("one")
        yield view


def apply(view: View, *letters: DeadLetter) -> None:
    partition = Partition(DEAD_LETTERS.name, 0)
    records = [Received(partition, at, None, codec.encode(dead), event=dead) for at, dead in enumerate(letters)]
    view.apply(records, {partition: len(records)})


def ids(letters: list[DeadLetter]) -> list[int]:
    return [dead.offset for dead in letters]


def test_a_letter_waits_until_it_is_settled_whichever_comes_last_on_the_topic(view: View) -> None:
    one, two, three = dead_letter(1), dead_letter(2), dead_letter(3)
    apply(view, one, two, one, three, two.settle("replayed", DIED_AT), three.settle("dropped", DIED_AT))
    assert view.letters.waiting() == 1
    assert ids(view.letters.newest(9, LetterFilter())) == [1]
    assert ids(view.letters.newest(9, LetterFilter("replayed"))) == [2]
    assert ids(view.letters.newest(9, LetterFilter("dropped"))) == [3]
    assert list(view.letters.unsettled()) == [one]
    apply(view, two)  # a stage that read its record once more
    assert view.letters.waiting() == 2


def test_pages_are_newest_first_and_do_not_overlap(view: View) -> None:
    apply(view, *(dead_letter(offset, died_at=DIED_AT + timedelta(seconds=offset // 2)) for offset in range(6)))
    first = view.letters.newest(4, LetterFilter())
    place = LetterPlace(first[-1].died_at.timestamp(), first[-1].subject)
    assert ids([*first, *view.letters.newest(4, LetterFilter(), place)]) == [5, 4, 3, 2, 1, 0]


def test_what_the_topic_no_longer_has_is_not_shown(view: View) -> None:
    apply(view, dead_letter(1, died_at=DIED_AT - timedelta(seconds=KEPT_S + 60)), dead_letter(2))
    assert ids(view.letters.newest(9, LetterFilter())) == [2]


def test_another_cluster_has_other_letters(view: View) -> None:
    apply(view, dead_letter(1))
    view.follow("two")
    apply(view, dead_letter(2))
    view.settled()
    assert ids(view.letters.newest(9, LetterFilter())) == [2]


def test_how_many_wait_is_a_metric_also_after_a_restart(view: View, tmp_path: Path) -> None:
    one, two = dead_letter(1), dead_letter(2)
    apply(view, one, two)
    assert REGISTRY.get_sample_value("murmur_dead_letters_waiting") == 2
    apply(view, one.settle("dropped", DIED_AT))
    assert REGISTRY.get_sample_value("murmur_dead_letters_waiting") == 1
    metrics.DEAD_LETTERS_WAITING.set(0)
    view.close()
    with closing(View(tmp_path / "view.sqlite3")) as again:
        again.open()
        assert REGISTRY.get_sample_value("murmur_dead_letters_waiting") == 1
