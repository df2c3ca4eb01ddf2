"""What a status and a Retry-After mean."""

from datetime import UTC, datetime

import pytest

from sinks.webhooks.attempt import Outcome, judge

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "outcome", "again"),
    [
        (200, "delivered", False),
        (204, "delivered", False),
        (299, "delivered", False),
        (301, "redirected", False),
        (302, "redirected", False),
        (304, "redirected", False),
        (400, "refused", False),
        (401, "refused", False),
        (404, "refused", False),
        (410, "refused", False),
        (408, "failed", True),
        (429, "failed", True),
        (500, "failed", True),
        (503, "failed", True),
        (600, "failed", True),
    ],
)
def test_only_2xx_is_a_success_and_only_not_now_is_worth_another_attempt(status: int, outcome: Outcome, again: bool) -> None:
    answer = judge(status, None, NOW)
    assert (answer.outcome, answer.is_worth_another) == (outcome, again)


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
        ("٣", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_counts_as_none(header: str | None, after_s: float | None) -> None:
    assert judge(429, header, NOW).after_s == after_s
    assert judge(503, header, NOW).after_s == after_s


def test_retry_after_means_nothing_on_other_answers() -> None:
    assert judge(500, "3", NOW).after_s is None
