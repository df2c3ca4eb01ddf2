"""Places: one is always for short work, and a file that turns out to be long gives it back."""

from processors.slicer.places import Places


def test_long_files_leave_one_place_to_short_ones() -> None:
    places = Places(3)
    assert [places.take(name, short=False) for name in "abc"] == [True, True, False]
    assert places.take("d", short=True)
    assert not places.take("e", short=True)


def test_a_file_that_outgrows_its_place_keeps_it_while_another_one_is_free() -> None:
    places = Places(3)
    assert places.take("a", short=True)
    assert places.outgrow("a")
    assert places.take("b", short=False)
    assert not places.take("c", short=False)
    assert places.take("d", short=True)


def test_a_file_that_outgrows_the_last_place_has_to_leave_it() -> None:
    places = Places(3)
    assert places.take("a", short=False)
    assert places.take("b", short=False)
    assert places.take("c", short=True)
    assert not places.outgrow("c")
    places.leave("c")
    assert places.take("d", short=True)
    assert not places.take("c", short=False)
    places.leave("a")
    places.leave("a")
    assert places.take("c", short=False)


def test_what_is_long_already_cannot_outgrow_its_place() -> None:
    places = Places(2)
    assert places.take("a", short=False)
    assert places.outgrow("a")
