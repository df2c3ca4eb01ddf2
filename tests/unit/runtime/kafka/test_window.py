"""Which offset may be committed, and what its metadata has for the next owner."""

import pytest

from runtime.kafka.window import METADATA_MAX_BYTES, Window


def test_nothing_is_committed_before_anything_was_read() -> None:
    assert Window().position is None


def test_the_position_is_the_first_record_that_is_not_settled() -> None:
    window = Window()
    for offset in (5, 6, 9):
        window.add(offset)
    window.settle(6)
    assert window.position == 5
    window.settle(5)
    assert window.position == 9
    window.settle(9)
    assert window.position == 10


def test_work_that_had_begun_is_counted_by_the_successor_and_waiting_records_are_not() -> None:
    first = Window()
    first.add(1)
    first.add(2)
    first.begin(1)
    second = Window(first.metadata())
    assert second.add(1) == (1, None)
    assert second.add(2) == (0, None)
    second.begin(1)
    assert Window(second.metadata()).add(1) == (2, None)


def test_a_worker_that_leaves_in_peace_counts_nothing() -> None:
    window = Window()
    window.add(1)
    window.begin(1)
    assert window.metadata(leaving=True) == ""


def test_earlier_attempts_survive_a_peaceful_worker_in_between() -> None:
    first = Window()
    first.add(1)
    first.begin(1)
    second = Window(first.metadata())
    second.add(1)
    assert Window(second.metadata(leaving=True)).add(1) == (1, None)


def test_a_note_is_kept_for_the_next_owner_until_the_record_is_settled() -> None:
    window = Window()
    window.add(7)
    window.set_checkpoint(7, "published up to 480000")
    assert Window(window.metadata()).add(7) == (0, "published up to 480000")
    window.settle(7)
    assert window.metadata() == ""


def test_notes_give_way_when_the_metadata_would_be_too_long() -> None:
    window = Window()
    for offset in range(20):
        window.add(offset)
        window.begin(offset)
        window.set_checkpoint(offset, "x" * 300)
    text = window.metadata()
    assert len(text) <= METADATA_MAX_BYTES
    assert Window(text).add(3) == (1, None)


@pytest.mark.parametrize("metadata", ["not json", "[]", '{"attempts": 3}', '{"attempts": {"x": 1}}', ""])
def test_metadata_of_another_program_counts_as_none(metadata: str) -> None:
    assert Window(metadata).add(0) == (0, None)
