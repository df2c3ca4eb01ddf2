"""What is made while the garbage collector is paused is not looked through right afterwards."""

import gc
from collections.abc import Iterator

import pytest

from runtime import gc_pause
from runtime.gc_pause import gc_paused

MANY = 200_000


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(gc_pause, "_kept_out", False)
    yield
    gc.unfreeze()


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


@pytest.mark.usefixtures("restored")
def test_what_is_kept_out_is_not_looked_through_after_a_later_pause_either() -> None:
    with gc_paused(keep_out=True):
        kept = [[number] for number in range(MANY)]
    assert gc.isenabled()
    with gc_paused():
        later = [[number] for number in range(MANY)]
    assert MANY <= len(gc.get_objects()) < 2 * MANY, "only those of the later pause"
    assert len(kept) == len(later)
