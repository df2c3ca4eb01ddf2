"""Which keys no store accepts, so that no request is sent."""

import pytest

from runtime.objects.store import BadKey, checked_key


@pytest.mark.parametrize("key", ["", "a\0b", "\udcff", "k" * 1025, "ж" * 513, ".", "..", "a/../b", "../results/x", "a/./b"])
def test_a_key_that_must_not_reach_a_store_is_refused_here(key: str) -> None:
    with pytest.raises(BadKey):
        checked_key(key)


@pytest.mark.parametrize("key", ["a", "k" * 1024, "...", "a..b/.c", "/a", "a//b", "a/", "a b+c%20.wav", "e\u0301"])
def test_other_keys_are_left_to_the_store(key: str) -> None:
    assert checked_key(key) == key
