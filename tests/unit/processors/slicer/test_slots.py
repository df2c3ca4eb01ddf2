"""Slots: one is reserved for short work, and a file that turns out to be long releases it."""

from processors.slicer.slots import Slots


def test_long_files_leave_one_slot_to_short_ones() -> None:
    slots = Slots(3)
    assert [slots.acquire(name, short=False) for name in "abc"] == [True, True, False]
    assert slots.acquire("d", short=True)
    assert not slots.acquire("e", short=True)


def test_a_file_that_becomes_long_keeps_its_slot_while_another_one_is_free() -> None:
    slots = Slots(3)
    assert slots.acquire("a", short=True)
    assert slots.mark_long("a")
    assert slots.acquire("b", short=False)
    assert not slots.acquire("c", short=False)
    assert slots.acquire("d", short=True)


def test_a_file_that_becomes_long_without_a_free_slot_has_to_release_its_own() -> None:
    slots = Slots(3)
    assert slots.acquire("a", short=False)
    assert slots.acquire("b", short=False)
    assert slots.acquire("c", short=True)
    assert not slots.mark_long("c")
    slots.release("c")
    assert slots.acquire("d", short=True)
    assert not slots.acquire("c", short=False)
    slots.release("a")
    slots.release("a")
    assert slots.acquire("c", short=False)


def test_a_long_file_can_be_marked_long_again() -> None:
    slots = Slots(2)
    assert slots.acquire("a", short=False)
    assert slots.mark_long("a")
