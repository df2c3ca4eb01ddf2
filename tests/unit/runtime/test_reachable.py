"""Which URLs the gateway refuses at once."""

import pytest

from runtime.addresses import networks
from runtime.reachable import Reachable
from runtime.settings import Settings

PRIVATE = ["http://127.0.0.1:8000/", "https://10.0.0.1/", "http://[::1]/", "http://localhost/", "http://0x7f.1/"]
FORBIDDEN = ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://0.0.0.0/", "http://2852039166/"]


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_a_problem_unless_a_setting_allows_it(url: str) -> None:
    assert Reachable().problem(url)
    assert Reachable(private=True, plain=False).problem(url) is None


def test_some_private_networks_may_be_allowed() -> None:
    some = Reachable(networks("10.1.0.0/16", "::1"))
    assert some.problem("https://10.1.2.3/") is None
    assert some.problem("https://[::ffff:10.1.2.3]/") is None
    assert some.problem("https://[::1]/") is None
    assert some.problem("https://10.2.0.1/")
    assert some.problem("https://127.0.0.1/")


@pytest.mark.parametrize("url", FORBIDDEN)
def test_a_metadata_service_is_always_a_problem(url: str) -> None:
    assert Reachable(private=True).problem(url)
    assert Reachable(networks("0.0.0.0/0", "::/0")).problem(url)


@pytest.mark.parametrize("url", ["https://a.example/", "https://8.8.8.8/", "https://[2a00:1450:4001:801::200e]:8443/"])
def test_a_name_or_a_public_address_is_none(url: str) -> None:
    assert Reachable(plain=False).problem(url) is None


def test_http_is_a_problem_unless_it_is_allowed_or_may_lead_to_a_private_address() -> None:
    assert Reachable(plain=False).problem("http://a.example/")
    assert Reachable(plain=False).problem("http://8.8.8.8/")
    assert Reachable(private=True, plain=False).problem("http://8.8.8.8/")
    assert Reachable(private=True, plain=False).problem("http://receiver.internal/") is None
    assert Reachable().problem("http://a.example/") is None


def test_the_settings_say_what_is_open() -> None:
    assert Reachable.for_webhooks(Settings()) == Reachable((), plain=False)
    assert Reachable.for_fetching(Settings()) == Reachable(())
    given = Settings(webhook_allow_networks="10.1.2.3/16, ::1", fetch_allow_private=True, webhook_allow_http=True)
    assert Reachable.for_webhooks(given) == Reachable(networks("10.1.0.0/16", "::1/128"), plain=True)
    assert Reachable.for_fetching(given) == Reachable(private=True)
