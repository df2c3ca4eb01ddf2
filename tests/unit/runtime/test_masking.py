"""Secrets in URLs, as people write them."""

import pytest

from runtime.masking import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:secret@s3.example:9000/path", "http://***@s3.example:9000/path"),
        ("https://token@host/", "https://***@host/"),
        ("http://user:s@cr@t@host", "http://***@host"),
        ("http://user:sec/ret@host/path", "http://***@host/path"),
        ("no store at http://u:p@h, nor at s3://u:p@h", "no store at http://***@h, nor at s3://***@h"),
        ("http://host:9000/path/user@example", "http://host:9000/path/user@example"),
        ("http://host/user@example?mail=a@b", "http://host/user@example?mail=a@b"),
        ("127.0.0.1:9092,[::1]:9092", "127.0.0.1:9092,[::1]:9092"),
    ],
)
def test_passwords_in_urls_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown
