"""What a status and a Retry-After mean."""

from datetime import UTC, datetime

import pytest

from sinks.webhooks.attempt import FINAL, Outcome, judge

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "statuses"),
    [
        ("delivered", (200, 204, 299)),
        ("redirected", (300, 301, 302, 304, 307, 308)),
        ("gone", (410,)),
        ("refused", (400, 401, 404, 422)),
        ("failed", (100, 408, 429, 500, 502, 503, 504, 600)),
    ],
)
def test_only_2xx_is_a_success(outcome: Outcome, statuses: tuple[int, ...]) -> None:
    assert {judge(status, None, NOW).outcome for status in statuses} == {outcome}


def test_only_what_says_so_for_good_is_final() -> None:
    assert {judge(status, None, NOW).outcome for status in range(100, 600)} & FINAL == {"gone"}


@pytest.mark.parametrize(
    ("header", "after_s"),
    [
        ("3", 3.0),
        (" 120 ", 120.0),
        ("Fri, 02 Jan 2026 12:00:30 GMT", 30.0),
        ("Fri, 02 Jan 2026 11:00:00 GMT", 0.0),
        ("Fri, 02 Jan 2026 12:00:30 -0000", 30.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("9" * 400, None),
        (f"Fri, 02 Jan {'9' * 20} 12:00:30 GMT", None),
        (f"Fri, 02 Jan 2026 {'9' * 20}:00:30 GMT", None),
        (f"Fri, 02 Jan 2026 12:00:30 +{'9' * 20}", None),
        ("٣", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_counts_as_none(header: str | None, after_s: float | None) -> None:
    assert judge(429, header, NOW).after_s == after_s


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 404, 302, 307])
def test_retry_after_counts_with_every_failure(status: int) -> None:
    assert judge(status, "3", NOW).after_s == 3.0


def test_retry_after_means_nothing_where_there_is_no_further_attempt() -> None:
    assert [judge(status, "3", NOW).after_s for status in (200, 410)] == [None, None]
