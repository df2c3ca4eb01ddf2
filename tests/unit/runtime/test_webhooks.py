"""URLs that cannot be a receiver's."""

import pytest

from runtime.webhooks import address_problem, url_problem


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


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/", "https://10.0.0.1/", "http://[::1]/", "http://localhost/", "http://0x7f.1/"]
)
def test_a_private_address_is_a_problem_unless_a_setting_allows_it(url: str) -> None:
    assert address_problem(url, allow_private=False)
    assert address_problem(url, allow_private=True) is None


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://0.0.0.0/", "http://2852039166/"]
)
def test_a_metadata_service_is_always_a_problem(url: str) -> None:
    assert address_problem(url, allow_private=True)


@pytest.mark.parametrize("url", ["https://a.example/", "https://8.8.8.8/", "https://[2a00:1450:4001:801::200e]:8443/"])
def test_a_name_or_a_public_address_is_none(url: str) -> None:
    assert address_problem(url, allow_private=False) is None
