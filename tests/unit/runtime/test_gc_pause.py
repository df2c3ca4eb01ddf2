"""What is made while the garbage collector is paused is not looked through right afterwards."""

import gc

from runtime.gc_pause import gc_paused

MANY = 200_000


def test_what_was_made_in_a_pause_is_old_afterwards() -> None:
    with gc_paused():
        assert not gc.isenabled()
        kept = [[number] for number in range(MANY)]
    assert gc.isenabled()
    assert len(gc.get_objects(generation=0)) + len(gc.get_objects(generation=1)) < MANY
    assert len(kept) == MANY


def test_what_was_paused_before_stays_paused() -> None:
    with gc_paused():
        with gc_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
