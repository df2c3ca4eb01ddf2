"""The types of events."""

import re

import pytest

from runtime import webhook_events
from runtime.webhook_events import ENDPOINT_DISABLED, ENDS, EVENT_TYPES, OF_STATE, TEST
from schemas.jobs import TERMINAL


@pytest.mark.parametrize("name", [*EVENT_TYPES, TEST])
def test_a_type_is_a_group_and_an_event_as_standard_webhooks_names_them(name: str) -> None:
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", name)
    assert name in vars(webhook_events).values()


def test_by_default_the_ends_of_jobs_are_sent() -> None:
    assert {OF_STATE[state] for state in TERMINAL} == set(ENDS)
    assert {TEST, ENDPOINT_DISABLED}.isdisjoint(ENDS)
