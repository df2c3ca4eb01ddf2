"""Registered endpoints and the delivery log in the view's file."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from producers.gateway.view.view import View
from producers.gateway.view.webhook_book import KEPT_S
from producers.gateway.view.webhook_filter import AttemptFilter
from runtime.kafka.messages import Partition, Received
from runtime.webhook_events import ENDS
from schemas import codec
from schemas.record import Record
from schemas.topics import JOBS, WEBHOOK_ATTEMPTS, WEBHOOK_ENDPOINT_STATES, WEBHOOK_ENDPOINTS, Topic
from schemas.webhooks import WebhookAttempted, WebhookDelivery
from tests.unit.producers.gateway.view.test_view import changed
from tests.webhooks import NOON, attempted, endpoint, endpoint_state

ALL = AttemptFilter()
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    view = View(tmp_path / "view.sqlite3")
    view.open()
    view.follow("cluster-1")
    yield view
    view.close()


def apply(view: View, topic: Topic, *records: Record) -> set[str]:
    received = [
        Received(Partition(topic.name, 0), place, None, codec.encode(record), event=record)
        for place, record in enumerate(records)
    ]
    return view.apply(received, {one.partition: one.offset + 1 for one in received})


def delete(view: View, topic: Topic, key: str) -> set[str]:
    partition = Partition(topic.name, 0)
    return view.apply([Received(partition, 9, key.encode(), None, event=None)], {partition: 10})


def test_an_endpoint_is_found_and_listed_for_its_owner(view: View) -> None:
    first, second, other = endpoint("ep_1"), endpoint("ep_2", 1), endpoint("ep_3", 2, owner="bob")
    assert apply(view, WEBHOOK_ENDPOINTS, second, other, first) == {"ep_1", "ep_2", "ep_3"}
    found = view.webhooks.endpoint("ep_1")
    assert found is not None
    assert (found.endpoint, found.is_enabled) == (first, True)
    assert [each.endpoint.endpoint_id for each in view.webhooks.endpoints("default")] == ["ep_1", "ep_2"]
    assert [each.endpoint.endpoint_id for each in view.webhooks.endpoints()] == ["ep_1", "ep_2", "ep_3"]


def test_a_deleted_endpoint_is_gone_with_what_the_sink_said_of_it(view: View) -> None:
    apply(view, WEBHOOK_ENDPOINTS, one := endpoint())
    apply(view, WEBHOOK_ENDPOINT_STATES, endpoint_state(one, disabled_at=NOON, reason="gone"))
    delete(view, WEBHOOK_ENDPOINTS, "ep_1")
    assert view.webhooks.endpoint("ep_1") is None
    assert view.webhooks.endpoints() == []
    apply(view, WEBHOOK_ENDPOINTS, one)
    assert view.webhooks.endpoint("ep_1").state is None  # type: ignore[union-attr]


def test_a_state_that_is_read_before_its_endpoint_counts(view: View) -> None:
    one = endpoint()
    apply(view, WEBHOOK_ENDPOINT_STATES, endpoint_state(one, disabled_at=NOON, reason="gone"))
    assert view.webhooks.endpoint("ep_1") is None
    assert view.webhooks.endpoints() == []
    apply(view, WEBHOOK_ENDPOINTS, one)
    found = view.webhooks.endpoint("ep_1")
    assert found is not None
    assert (found.is_enabled, found.current_state and found.current_state.reason) == (False, "gone")


def test_a_state_from_before_the_endpoint_was_enabled_again_does_not_count(view: View) -> None:
    one = endpoint()
    apply(view, WEBHOOK_ENDPOINT_STATES, endpoint_state(one, disabled_at=NOON, reason="failing"))
    apply(view, WEBHOOK_ENDPOINTS, one.model_copy(update={"enabled_at": NOON + timedelta(minutes=1)}))
    found = view.webhooks.endpoint("ep_1")
    assert found is not None
    assert (found.is_enabled, found.current_state) == (True, None)


def test_the_log_has_the_newest_attempt_first_and_is_read_in_pages(view: View) -> None:
    rows = [attempted(number, minute) for minute, number in enumerate((1, 2, 3))]
    apply(view, WEBHOOK_ATTEMPTS, *rows)
    first, second = view.webhooks.attempts(2, ALL)
    assert [first, second] == [rows[2], rows[1]]
    place = (second.attempted_at.timestamp(), second.event_id)
    assert view.webhooks.attempts(2, ALL, place) == [rows[0]]


def test_an_attempt_that_is_read_again_is_one_row(view: View) -> None:
    for _ in range(2):
        apply(view, WEBHOOK_ATTEMPTS, attempted(1))
    assert len(view.webhooks.attempts(9, ALL)) == 1


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (AttemptFilter(owner="bob"), ["3"]),
        (AttemptFilter(recipient="ep_1"), ["2"]),
        (AttemptFilter(recipient="job"), ["3", "1"]),
        (AttemptFilter(job_id="2"), ["2"]),
        (AttemptFilter(type="transcription.failed"), ["3"]),
        (AttemptFilter(state="pending"), ["1"]),
        (AttemptFilter(since=NOON + timedelta(minutes=1)), ["3", "2"]),
        (AttemptFilter(until=NOON + timedelta(minutes=1)), ["1"]),
        (AttemptFilter(owner="default", recipient="job", state="pending"), ["1"]),
    ],
)
def test_the_log_is_filtered(view: View, which: AttemptFilter, found: list[str]) -> None:
    apply(
        view,
        WEBHOOK_ATTEMPTS,
        attempted(1, 0, "pending"),
        attempted(2, 1, endpoint_id="ep_1"),
        attempted(3, 2, "given_up", owner="bob", type="transcription.failed"),
    )
    assert [row.job_id for row in view.webhooks.attempts(9, which)] == found


def test_a_job_has_the_last_attempt_for_each_recipient(view: View) -> None:
    job_id = uuid4()
    own = [attempted(job_id, minute, "pending", attempt=minute + 1) for minute in (0, 1)]
    theirs = [attempted(job_id, 2, endpoint_id="ep_1"), attempted(job_id, 3, "pending", endpoint_id="ep_1", attempt=2)]
    assert apply(view, WEBHOOK_ATTEMPTS, *own, *theirs) == {str(job_id), own[0].webhook_id}
    to_url, to_endpoint = view.webhooks.of_job(str(job_id))
    assert (to_url.last, to_url.count, to_url.is_delivered) == (own[1], 2, False)
    assert (to_endpoint.last, to_endpoint.count, to_endpoint.is_delivered) == (theirs[1], 2, True)
    assert view.webhooks.of_job(str(uuid4())) == []


def test_what_was_to_be_sent_again_is_remembered_until_it_is_settled(view: View) -> None:
    at, later = YESTERDAY, YESTERDAY + timedelta(minutes=5, microseconds=7)
    view.resend([to(1, at), to(1, at, endpoint_id="ep_1"), to(2, at)])
    message = "msg_1_success"
    assert view.webhooks.resends() == {(message, None): at, (message, "ep_1"): at, ("msg_2_success", None): at}
    apply(view, WEBHOOK_ATTEMPTS, after(1, at, "pending"), after(2, at))
    assert set(view.webhooks.resends()) == {(message, None), (message, "ep_1")}
    apply(view, WEBHOOK_ATTEMPTS, after(1, at, "given_up", attempt=2))
    assert set(view.webhooks.resends()) == {(message, "ep_1")}
    view.resend([to(1, later, endpoint_id="ep_1")])
    apply(view, WEBHOOK_ATTEMPTS, after(1, at, endpoint_id="ep_1"))
    assert view.webhooks.resends() == {(message, "ep_1"): later}


def test_what_was_settled_before_it_is_remembered_is_not(view: View) -> None:
    apply(view, WEBHOOK_ATTEMPTS, after(1, YESTERDAY))
    view.resend([to(1, YESTERDAY), to(2, YESTERDAY)])
    assert set(view.webhooks.resends()) == {("msg_2_success", None)}


def after(number: int, requested_at: datetime, state: str = "delivered", **fields: Any) -> WebhookAttempted:
    """An attempt of what was requested then."""
    times: dict[str, Any] = {"attempted_at": requested_at + timedelta(seconds=1), "requested_at": requested_at}
    return attempted(number, state=state, **times, **fields)


def test_what_is_older_than_the_log_is_no_longer_to_be_sent_again(view: View) -> None:
    view.resend([to(1, datetime.now(UTC) - timedelta(seconds=KEPT_S + 60)), to(2, datetime.now(UTC))])
    assert set(view.webhooks.resends()) == {("msg_2_success", None)}


def to(number: int, at: datetime, **fields: Any) -> WebhookDelivery:
    usual = {"webhook_id": f"msg_{number}_success", "type": "transcription.completed", "owner": "default"}
    return WebhookDelivery.model_validate({**usual, "created_at": NOON, "due_at": at, "requested_at": at, **fields})


def test_the_progress_of_a_job_is_in_the_log_and_not_among_its_deliveries(view: View) -> None:
    job_id = uuid4()
    progress = {"webhook_id": f"msg_{job_id}_progress_40", "type": "transcription.progress", "endpoint_id": "ep_1"}
    apply(view, WEBHOOK_ATTEMPTS, attempted(job_id, 0, **progress), end := attempted(job_id, 1, endpoint_id="ep_1"))
    assert [attempts.last for attempts in view.webhooks.of_job(str(job_id))] == [end]
    assert len(view.webhooks.attempts(9, AttemptFilter(type="transcription.progress"))) == 1


def test_the_last_attempt_of_a_message_is_that_of_the_recipient(view: View) -> None:
    apply(view, WEBHOOK_ATTEMPTS, attempted(1, 0, "pending"), mine := attempted(1, 1), attempted(1, 2, endpoint_id="ep_1"))
    assert view.webhooks.last_attempt("msg_1_success", "job") == mine
    assert view.webhooks.last_attempt("msg_1_success", "ep_2") is None


def test_the_log_forgets_what_its_topic_has_forgotten(view: View) -> None:
    apply(view, WEBHOOK_ATTEMPTS, attempted(1))
    days = KEPT_S / 60
    apply(view, WEBHOOK_ATTEMPTS, attempted(2, int(days)))
    assert [row.job_id for row in view.webhooks.attempts(9, ALL)] == ["2", "1"]
    apply(view, WEBHOOK_ATTEMPTS, attempted(3, int(days) + 1))
    assert [row.job_id for row in view.webhooks.attempts(9, ALL)] == ["3", "2"]


def ended_since(view: View, *, delivered: bool = False, minutes: tuple[int, int] = (0, 240)) -> list[str]:
    span = (NOON + timedelta(minutes=minutes[0]), NOON + timedelta(minutes=minutes[1]))
    found = view.webhooks.ended_since(endpoint(), ENDS, span, 9, delivered=delivered)
    return [str(event.job.job_id) for event in found]


def test_jobs_whose_end_an_endpoint_has_not_received_are_found_with_those_never_attempted(view: View) -> None:
    reached, failed, never, running = uuid4(), uuid4(), uuid4(), uuid4()
    apply(view, JOBS, changed(running, "STARTED"), *(changed(each, "SUCCESS") for each in (reached, failed, never)))
    apply(
        view,
        WEBHOOK_ATTEMPTS,
        attempted(reached, endpoint_id="ep_1"),
        attempted(failed, 0, "given_up", endpoint_id="ep_1"),
        attempted(never, endpoint_id="ep_2"),
    )
    assert set(ended_since(view)) == {str(failed), str(never)}
    assert set(ended_since(view, delivered=True)) == {str(failed), str(never), str(reached)}
    assert ended_since(view, minutes=(61, 240)) == []  # they ended an hour after noon
    assert ended_since(view, minutes=(0, 60)) == []


def test_jobs_of_another_owner_and_ends_that_are_not_subscribed_to_are_not_found(view: View) -> None:
    mine, failure = uuid4(), uuid4()
    apply(view, JOBS, changed(mine, "SUCCESS"), changed(failure, "FAILURE"))
    span = (NOON, NOON + timedelta(hours=2))
    failed = view.webhooks.ended_since(endpoint(), ("transcription.failed", "transcription.started"), span, 9, delivered=False)
    assert [event.job.job_id for event in failed] == [failure]
    assert view.webhooks.ended_since(endpoint(), ("endpoint.disabled",), span, 9, delivered=False) == []
    assert view.webhooks.ended_since(endpoint(owner="bob"), ENDS, span, 9, delivered=False) == []


def test_another_cluster_has_other_endpoints(view: View) -> None:
    apply(view, WEBHOOK_ENDPOINTS, endpoint("ep_1"))
    apply(view, WEBHOOK_ATTEMPTS, attempted(1))
    view.follow("cluster-2")
    apply(view, WEBHOOK_ENDPOINTS, endpoint("ep_2"))
    view.settled()
    assert [each.endpoint.endpoint_id for each in view.webhooks.endpoints()] == ["ep_2"]
    assert view.webhooks.attempts(9, ALL) == []


def test_a_successor_of_an_embedded_broker_keeps_them(view: View) -> None:
    apply(view, WEBHOOK_ENDPOINTS, one := endpoint("ep_1"))
    apply(view, WEBHOOK_ENDPOINT_STATES, state := endpoint_state(one, failing_since=NOON))
    apply(view, WEBHOOK_ATTEMPTS, attempted(1))
    view.adopt("cluster-2")
    view.settled()
    assert [*view.webhooks.registered()] == [(one, state)]
    assert len(view.webhooks.attempts(9, ALL)) == 1
