"""What follows from the result of an attempt: the delivery log, the next attempt, the state of the endpoint."""

import itertools
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.typing import EventDict

from runtime.kafka.messages import Output
from runtime.setting_types import WEBHOOK_DELAYS_S
from schemas.topics import WEBHOOK_ATTEMPTS, WEBHOOK_DELIVERIES, WEBHOOK_RETRIES
from schemas.webhooks import WebhookAttempted, WebhookDelivery, WebhookEndpointState
from sinks.webhooks.attempt import Answer
from sinks.webhooks.courier import Attempted, Postponed
from sinks.webhooks.endpoints import Endpoints
from sinks.webhooks.results import Results
from sinks.webhooks.schedule import Schedule
from tests.samples import sample
from tests.unit.sinks.webhooks.scene import NOW, URL, after, delivery, registered

DAY_S = 86_400.0
FIVE_DAYS_S = 5 * DAY_S
OK = Answer("delivered", "status 200", 200, "thanks")
DOWN = Answer("failed", "status 500", 500, "sorry")


class Scene:
    """One endpoint that gets deliveries, and one that wants to be notified of what is disabled."""

    def __init__(self) -> None:
        self.endpoints = Endpoints()
        self.endpoints.put(registered())
        self.endpoints.put(registered("ep_2", events=("endpoint.disabled",)))
        self.results = Results(self.endpoints, Schedule(WEBHOOK_DELAYS_S, lambda low, high: 1.0), FIVE_DAYS_S)

    def end(self, answer: Answer, at_s: float = 0.0, **fields: Any) -> list[Output]:
        """Of an attempt for the endpoint."""
        ended = delivery(**{"url": None, "endpoint_id": "ep_1", **fields})
        return self.results.attempted(ended, URL, Attempted(answer, after(at_s), 0.25), after(at_s))

    def states(self, answer: Answer, at_s: float = 0.0, **fields: Any) -> list[WebhookEndpointState]:
        return of(WebhookEndpointState, self.end(answer, at_s, **fields))


def of(kind: type[Any], outputs: list[Output]) -> list[Any]:
    return [output.value for output in outputs if isinstance(output.value, kind)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_success_has_a_row_and_nothing_follows_it(scene: Scene) -> None:
    (output,) = scene.end(OK)
    assert output.topic is WEBHOOK_ATTEMPTS
    assert isinstance(output.value, WebhookAttempted)
    assert output.value.model_dump(exclude={"version", "type", "owner", "trace", "webhook_id", "job_id"}) == {
        "endpoint_id": "ep_1",
        "host": "receiver.example:443",
        "attempt": 1,
        "first_attempt_at": NOW,
        "attempted_at": NOW,
        "took_s": 0.25,
        "outcome": "delivered",
        "status_code": 200,
        "detail": "status 200",
        "response": "thanks",
        "state": "delivered",
        "next_attempt_at": None,
        "requested_at": None,
    }


def test_a_failure_has_a_row_and_the_next_attempt_on_the_topic_of_its_delay(scene: Scene) -> None:
    outputs = scene.end(DOWN, attempt=3, first_attempt_at=after(-305))
    (row,), (following,) = of(WebhookAttempted, outputs), of(WebhookDelivery, outputs)

    assert (row.state, row.attempt, row.first_attempt_at, row.next_attempt_at) == ("pending", 3, after(-305), after(1800))
    assert (following.attempt, following.due_at, following.first_attempt_at) == (4, after(1800), after(-305))
    assert [output.topic for output in outputs if output.value is following] == [WEBHOOK_RETRIES[2]]
    assert following.webhook_id == row.webhook_id


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        (DOWN, {"attempt": 10}),
        (Answer("gone", "status 410", 410), {}),
        (Answer("forbidden_address", "the address is not public"), {}),
        (Answer("bad_url", "not a URL"), {}),
        (DOWN, {"type": "webhook.test"}),
    ],
)
def test_after_the_last_attempt_and_after_a_final_answer_it_is_given_up(
    scene: Scene, answer: Answer, fields: dict[str, Any], logged: list[EventDict]
) -> None:
    outputs = scene.end(answer, **fields)
    assert [row.state for row in of(WebhookAttempted, outputs)] == ["given_up"]
    assert [each for each in of(WebhookDelivery, outputs) if each.endpoint_id == "ep_1"] == []
    assert logged[0]["event"] == "webhook.given_up"


def test_an_attempt_has_one_line_in_the_log_without_the_urls_secret(scene: Scene, logged: list[EventDict]) -> None:
    scene.end(DOWN, endpoint_id=None, url=URL)
    assert logged == [
        {
            "event": "webhook.failed",
            "log_level": "warning",
            "job_id": "00000000-0000-0000-0000-000000000001",
            "webhook_id": "msg_1_failure",
            "endpoint_id": None,
            "trace_id": None,
            "host": "receiver.example:443",
            "attempt": 1,
            "outcome": "failed",
            "error": "status 500",
            "attempt_s": 0.25,
            "wait_s": 5.0,
        }
    ]


def test_what_is_postponed_keeps_its_number_and_has_no_row(scene: Scene) -> None:
    before = sample("murmur_webhooks_postponed_total")
    (output,) = scene.results.postponed(delivery(attempt=2), Postponed(1.0), NOW)
    assert isinstance(output.value, WebhookDelivery)
    assert (output.topic, output.value.attempt, output.value.due_at) == (WEBHOOK_RETRIES[0], 2, after(5))
    assert sample("murmur_webhooks_postponed_total") == before + 1


def test_the_next_attempt_is_not_made_before_the_receiver_is_to_be_tried_again(scene: Scene) -> None:
    result = Attempted(DOWN, NOW, 0.25, pause_s=40.0)
    (following,) = of(WebhookDelivery, scene.results.attempted(delivery(), URL, result, NOW))
    assert (following.attempt, following.due_at) == (2, after(40))


def test_the_first_failure_is_noted_once_and_a_success_ends_it(scene: Scene) -> None:
    (failing,) = scene.states(DOWN, 10.0)
    assert (failing.failing_since, failing.disabled_at) == (after(10.0), None)
    assert scene.states(DOWN, 20.0) == []
    (well,) = scene.states(OK, 30.0)
    assert well.failing_since is None
    assert scene.states(OK, 40.0) == []


def test_after_five_days_of_failure_an_endpoint_is_disabled_and_others_are_notified(
    scene: Scene, logged: list[EventDict]
) -> None:
    for day in range(5):
        scene.end(DOWN, day * DAY_S)
    assert scene.states(DOWN, FIVE_DAYS_S - 1)[0].disabled_at is None
    outputs = scene.end(DOWN, FIVE_DAYS_S)

    (state,) = of(WebhookEndpointState, outputs)
    assert (state.disabled_at, state.reason, state.failing_since) == (after(FIVE_DAYS_S), "failing", NOW)
    (notice,) = [each for each in of(WebhookDelivery, outputs) if each.type == "endpoint.disabled"]
    assert notice.endpoint_id == "ep_2"
    assert notice.data == {"endpoint_id": "ep_1", "reason": "failing", "failing_since": NOW.isoformat()}
    assert [output.topic for output in outputs if output.value is notice] == [WEBHOOK_DELIVERIES]
    assert not scene.endpoints.is_enabled(registered())
    assert "webhook.endpoint_disabled" in [line["event"] for line in logged]
    assert scene.states(DOWN, FIVE_DAYS_S + 1) == []  # once is enough


def test_failures_long_apart_do_not_disable_an_endpoint(scene: Scene) -> None:
    for week in range(5):
        assert [state.disabled_at for state in scene.states(DOWN, week * 7 * DAY_S)] == [None]


def test_after_a_pause_the_time_begins_anew(scene: Scene) -> None:
    for day in (0, 1, 2, 9, 10, 11, 12, 13):
        assert [state.disabled_at for state in scene.states(DOWN, day * DAY_S)] == [None]
    (state,) = scene.states(DOWN, 14 * DAY_S)
    assert (state.disabled_at, state.failing_since) == (after(14 * DAY_S), NOW)


def test_the_attempts_of_one_delivery_are_no_pauses(scene: Scene) -> None:
    times = list(itertools.accumulate(WEBHOOK_DELAYS_S))
    for at_s in (*times, *(FIVE_DAYS_S - 40 * 3600 + at_s for at_s in times)):
        scene.end(DOWN, 1.1 * at_s)
    assert not scene.endpoints.is_enabled(registered())


def test_a_failing_endpoint_has_a_state_for_some_hours_not_for_each_failure(scene: Scene) -> None:
    assert sum(len(scene.states(DOWN, hour * 3600.0)) for hour in range(48)) == 4


def test_a_state_of_an_earlier_release_that_says_less_has_its_time(scene: Scene) -> None:
    endpoint = registered()
    scene.endpoints.put_state(
        WebhookEndpointState(endpoint_id="ep_1", enabled_at=endpoint.enabled_at, failing_since=NOW, changed_at=NOW)
    )
    (state,) = scene.states(DOWN, FIVE_DAYS_S)
    assert (state.disabled_at, state.failing_since, state.steady_since) == (None, NOW, after(FIVE_DAYS_S))


def test_410_disables_at_once(scene: Scene) -> None:
    before = sample("murmur_webhook_endpoints_disabled_total", reason="gone")
    (state,) = scene.states(Answer("gone", "status 410", 410))
    assert (state.disabled_at, state.reason) == (NOW, "gone")
    assert sample("murmur_webhook_endpoints_disabled_total", reason="gone") == before + 1


def test_an_endpoint_that_was_enabled_again_has_all_its_time_again(scene: Scene) -> None:
    scene.end(Answer("gone", "status 410", 410))
    scene.endpoints.put(registered(enabled_at=after(60)))
    assert scene.endpoints.is_enabled(registered(enabled_at=after(60)))
    (state,) = scene.states(DOWN, FIVE_DAYS_S + 60)
    assert (state.failing_since, state.disabled_at) == (after(FIVE_DAYS_S + 60), None)


@pytest.mark.parametrize("outcome", ["circuit_open", "not_signed", "endpoint_disabled"])
def test_what_was_not_sent_says_nothing_about_the_receiver(scene: Scene, outcome: Any) -> None:
    assert scene.states(Answer(outcome, "")) == []


def test_a_test_says_nothing_about_the_receiver_either(scene: Scene) -> None:
    assert scene.states(DOWN, type="webhook.test") == []


def test_a_state_that_comes_back_from_the_topic_does_not_undo_a_newer_one(scene: Scene) -> None:
    (failing,) = scene.states(DOWN, 10.0)
    scene.end(OK, 20.0)
    scene.endpoints.put_state(failing)
    (again,) = scene.states(DOWN, 30.0)
    assert again.failing_since == after(30.0)


def test_progress_that_was_not_delivered_is_not_sent_again_and_does_not_count_as_given_up(scene: Scene) -> None:
    before = REGISTRY.get_sample_value("murmur_webhooks_given_up_total", {"outcome": "failed"})
    outputs = scene.end(DOWN, type="transcription.progress")
    (row,) = of(WebhookAttempted, outputs)
    assert (row.state, row.outcome, of(WebhookDelivery, outputs)) == ("given_up", "failed", [])
    assert REGISTRY.get_sample_value("murmur_webhooks_given_up_total", {"outcome": "failed"}) == before
    assert [state.failing_since for state in of(WebhookEndpointState, outputs)] == [NOW]
