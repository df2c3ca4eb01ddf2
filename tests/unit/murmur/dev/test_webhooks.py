"""Which webhooks a started `murmur dev` sends: those that its last run has neither delivered nor given up."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from murmur.dev.webhooks import undelivered
from producers.gateway.view.view import View
from producers.gateway.webhooks.resending import resent
from runtime.kafka.messages import Partition, Received
from runtime.webhook_events import webhook_id
from schemas import codec
from schemas.jobs import JobChanged
from schemas.record import Record
from schemas.topics import WEBHOOK_ATTEMPTS, WEBHOOK_ENDPOINT_STATES, WEBHOOK_ENDPOINTS
from schemas.webhooks import WebhookDelivery
from tests.ended import ended
from tests.webhooks import attempted, endpoint, endpoint_state

ENDED = datetime.now(UTC) - timedelta(hours=1)
URL = "https://receiver.example/"


class Scene:
    def __init__(self, view: View) -> None:
        self._view = view
        self._offset = 0

    def write(self, topic: Any, record: Record) -> None:
        partition = Partition(topic.name, 0)
        received = Received(partition, self._offset, None, codec.encode(record), event=record)
        self._offset += 1
        self._view.apply([received], {partition: self._offset})

    def attempted(self, of: JobChanged, state: str, **more: Any) -> None:
        fields = {"webhook_id": webhook_id(of), "attempted_at": ENDED, "first_attempt_at": ENDED, **more}
        self.write(WEBHOOK_ATTEMPTS, attempted(of.job.job_id, state=state, **fields))

    def resend(self, of: JobChanged, at: datetime, endpoint_id: str | None = None) -> None:
        to = endpoint(endpoint_id) if endpoint_id is not None else None
        self._view.resend([resent(of, to, at)])

    def found(self, *jobs: JobChanged) -> list[WebhookDelivery]:
        outputs = undelivered(self._view.webhooks, jobs)
        return [output.value for output in outputs if isinstance(output.value, WebhookDelivery)]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with closing(View(tmp_path / "view.sqlite3")) as view:
        view.open()
        view.follow("cluster-1")
        yield Scene(view)


def job(url: str | None = URL, number: int = 1, at: datetime = ENDED, **more: Any) -> JobChanged:
    return ended(url, number, at=at, **more)


def test_a_webhook_without_an_attempt_is_sent(scene: Scene) -> None:
    (delivery,) = scene.found(job())
    assert (delivery.webhook_id, delivery.url, delivery.attempt) == (webhook_id(job()), URL, 1)


def test_one_that_failed_is_attempted_again_when_it_is_due(scene: Scene) -> None:
    due = ENDED + timedelta(hours=5)
    scene.attempted(job(), "pending", attempt=1, next_attempt_at=ENDED)
    scene.attempted(job(), "pending", attempt=2, attempted_at=ENDED + timedelta(seconds=5), next_attempt_at=due)
    (delivery,) = scene.found(job())
    assert (delivery.attempt, delivery.due_at, delivery.first_attempt_at) == (3, due, ENDED)


@pytest.mark.parametrize("state", ["delivered", "given_up"])
def test_one_that_is_settled_is_not_sent_again(scene: Scene, state: str) -> None:
    scene.attempted(job(), state)
    assert scene.found(job()) == []


def test_jobs_that_are_unfinished_or_old_or_have_no_webhook_have_none_to_send(scene: Scene) -> None:
    old = job(at=datetime.now(UTC) - timedelta(days=8))
    assert scene.found(job(state="STARTED"), old, job(None)) == []


def test_each_endpoint_has_what_it_has_not_got_yet(scene: Scene) -> None:
    before = ENDED - timedelta(days=1)
    times: dict[str, Any] = {"created_at": before, "changed_at": before, "enabled_at": before}
    for name in ("ep_1", "ep_2", "ep_3"):
        scene.write(WEBHOOK_ENDPOINTS, endpoint(name, **times))
    scene.write(WEBHOOK_ENDPOINTS, endpoint("ep_4", **times, owner="somebody-else"))
    scene.attempted(job(None), "delivered", endpoint_id="ep_1")
    scene.attempted(job(None), "pending", endpoint_id="ep_2", next_attempt_at=ENDED)

    assert {each.endpoint_id: each.attempt for each in scene.found(job(None))} == {"ep_2": 2, "ep_3": 1}


@pytest.mark.parametrize("changed", ["events_at", "enabled_at"])
def test_an_endpoint_does_not_get_what_it_did_not_want_then(scene: Scene, changed: str) -> None:
    times: dict[str, Any] = dict.fromkeys(("created_at", "changed_at", "enabled_at"), ENDED - timedelta(days=1))
    scene.write(WEBHOOK_ENDPOINTS, endpoint("ep_1", **{**times, changed: ENDED + timedelta(minutes=1)}))
    assert scene.found(job(None)) == []
    scene.attempted(job(None), "pending", endpoint_id="ep_1", next_attempt_at=ENDED)
    assert len(scene.found(job(None))) == 1


def test_what_waits_for_a_disabled_endpoint_waits_on_and_what_is_new_is_not_sent_to_it(scene: Scene) -> None:
    times: dict[str, Any] = dict.fromkeys(("created_at", "changed_at", "enabled_at"), ENDED - timedelta(days=1))
    scene.write(WEBHOOK_ENDPOINTS, endpoint("ep_1", **times, enabled=False))
    due = ENDED + timedelta(hours=5)
    scene.attempted(job(None), "pending", endpoint_id="ep_1", next_attempt_at=due)
    assert [(each.attempt, each.due_at) for each in scene.found(job(None), job(None, 2))] == [(2, due)]


def test_a_new_key_or_url_takes_nothing_away_from_an_endpoint(scene: Scene) -> None:
    """What waits for its first attempt, since the receiver asked for a pause, has no row in the log."""
    times: dict[str, Any] = dict.fromkeys(("created_at", "enabled_at"), ENDED - timedelta(days=1))
    scene.write(WEBHOOK_ENDPOINTS, endpoint("ep_1", **times, changed_at=ENDED + timedelta(minutes=1)))
    assert [each.endpoint_id for each in scene.found(job(None))] == ["ep_1"]


DAY = timedelta(days=1)
OLD_TIMES: dict[str, Any] = dict.fromkeys(("created_at", "changed_at", "enabled_at"), ENDED - DAY)


def test_what_was_to_be_sent_again_is_sent_although_it_was_delivered_before(scene: Scene) -> None:
    scene.write(WEBHOOK_ENDPOINTS, endpoint("ep_1", **OLD_TIMES, events=("endpoint.disabled",)))
    scene.attempted(job(), "delivered")
    at = ENDED + timedelta(minutes=5)
    scene.resend(job(), at)
    scene.resend(job(), at, endpoint_id="ep_1")
    found = {each.endpoint_id: each for each in scene.found(job())}
    assert {name: (each.url, each.attempt, each.requested_at) for name, each in found.items()} == {
        None: (URL, 1, at),
        "ep_1": (None, 1, at),
    }
    assert {each.webhook_id for each in found.values()} == {webhook_id(job())}


def test_one_whose_first_attempts_failed_goes_on_where_it_was(scene: Scene) -> None:
    at, due = ENDED + timedelta(minutes=5), ENDED + timedelta(hours=5)
    scene.resend(job(), at)
    scene.attempted(job(), "pending", attempt=2, attempted_at=at, next_attempt_at=due, requested_at=at)
    (delivery,) = scene.found(job())
    assert (delivery.attempt, delivery.due_at, delivery.requested_at) == (3, due, at)


def test_what_cannot_be_sent_again_any_more_is_left_out(scene: Scene) -> None:
    scene.resend(job(), ENDED)
    scene.resend(job(None, 2), ENDED, endpoint_id="ep_9")
    assert scene.found(job(None, 2)) == []


def test_that_an_endpoint_was_disabled_is_sent_to_the_others_that_want_to_know(scene: Scene) -> None:
    failed = endpoint("ep_1", **OLD_TIMES)
    for other in ("ep_2", "ep_3"):
        scene.write(WEBHOOK_ENDPOINTS, endpoint(other, **OLD_TIMES, events=("endpoint.disabled",)))
    scene.write(WEBHOOK_ENDPOINTS, failed)
    state = endpoint_state(failed, changed_at=ENDED, failing_since=ENDED - DAY, disabled_at=ENDED, reason="failing")
    scene.write(WEBHOOK_ENDPOINT_STATES, state)
    notices = scene.found()
    assert [(each.type, each.endpoint_id, each.data and each.data["endpoint_id"]) for each in notices] == [
        ("endpoint.disabled", "ep_2", "ep_1"),
        ("endpoint.disabled", "ep_3", "ep_1"),
    ]
    row: dict[str, Any] = {
        "webhook_id": notices[0].webhook_id,
        "type": "endpoint.disabled",
        "attempted_at": ENDED,
        "first_attempt_at": ENDED,
    }
    scene.write(WEBHOOK_ATTEMPTS, attempted(None, **row, endpoint_id="ep_2"))
    scene.write(WEBHOOK_ATTEMPTS, attempted(None, state="pending", **row, endpoint_id="ep_3", next_attempt_at=ENDED))
    assert [(each.endpoint_id, each.attempt) for each in scene.found()] == [("ep_3", 2)]


def test_that_an_endpoint_was_disabled_before_it_was_enabled_again_is_not_sent(scene: Scene) -> None:
    scene.write(WEBHOOK_ENDPOINTS, endpoint("ep_2", **OLD_TIMES, events=("endpoint.disabled",)))
    scene.write(WEBHOOK_ENDPOINTS, again := endpoint("ep_1", **OLD_TIMES))
    earlier = again.model_copy(update={"enabled_at": ENDED - 2 * DAY})
    scene.write(WEBHOOK_ENDPOINT_STATES, endpoint_state(earlier, changed_at=ENDED, disabled_at=ENDED, reason="gone"))
    assert scene.found() == []
