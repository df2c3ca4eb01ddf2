"""URLs that cannot be a receiver's."""

import pytest

from runtime.reachable import Reachable
from runtime.webhooks import door_problem, url_problem


@pytest.mark.parametrize(
    "url", ["https://a.example/x?y#z", "http://10.0.0.1:9999/", "https://[2a00::1]:8443/", "HTTPS://A.EXAMPLE"]
)
def test_a_possible_receiver_is_not_a_problem(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize(
    "url",
    ["", "a.example", "ftp://a.example/", "https://", "https://u:p@a.example/", "https://a.example@10.0.0.1/",
     "https://a.example:0/", "https://a.example:99999/", "https://[::1/"],
)  # fmt: skip
def test_what_cannot_be_a_receiver_is_a_problem(url: str) -> None:
    assert url_problem(url)


@pytest.mark.parametrize("url", ["https://a.example/a b", "https://a.example/\x00", "https://a.example\\@b.example/"])
def test_a_url_with_odd_characters_is_refused_at_the_door(url: str) -> None:
    assert door_problem(url, Reachable(private=True))


def test_the_door_asks_where_the_settings_let_it_go() -> None:
    assert door_problem("http://127.0.0.1/", Reachable())
    assert door_problem("http://127.0.0.1/", Reachable(private=True)) is None
