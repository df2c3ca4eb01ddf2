"""The handler: what it takes, what it settles at once, what it keeps, what it forgets."""

from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from typing import Any

import pytest

from runtime.kafka.delayed import Delayed
from runtime.kafka.messages import Partition, Received, Step
from runtime.sealing import Sealer
from runtime.setting_types import WEBHOOK_DELAYS_S
from schemas.codec import Undecodable
from schemas.topics import JOBS, WEBHOOK_DELIVERIES
from schemas.webhooks import JobProgress, WebhookAttempted, WebhookDelivery
from sinks.webhooks.attempt import Answer, Order
from sinks.webhooks.courier import Attempted, Postponed
from sinks.webhooks.endpoints import Endpoints
from sinks.webhooks.fan_out import FanOut
from sinks.webhooks.orders import Orders
from sinks.webhooks.progress import Progressed
from sinks.webhooks.results import Results
from sinks.webhooks.schedule import Schedule
from sinks.webhooks.sender import Finished
from sinks.webhooks.stage import IN_FLIGHT_MAX, LOOK_AGAIN, Event, Feeds, Rules, WebhookHandler
from tests.ended import ended
from tests.unit.sinks.webhooks.scene import NOW, SIGNER, URL, after, delivery, registered

OK = Attempted(Answer("delivered", "status 200", 200), NOW, 0.1)
DOWN = Attempted(Answer("failed", "status 500", 500), NOW, 0.1)


class Sending:
    """Records its calls; the test decides what ends."""

    def __init__(self) -> None:
        self.sent: dict[Hashable, Order] = {}
        self.cancelled: list[Hashable] = []
        self.ends: list[Finished] = []

    def start(self) -> None: ...

    def send(self, which: Hashable, order: Order) -> None:
        self.sent[which] = order

    def cancel(self, which: Hashable) -> None:
        self.cancelled.append(which)

    def finished(self) -> Iterator[Finished]:
        ends, self.ends = self.ends, []
        return iter(ends)

    def close(self) -> None: ...


class Feed:
    is_current = True

    def start(self) -> None: ...

    def check(self) -> None: ...

    def close(self) -> None: ...


class ProgressFeed:
    def __init__(self) -> None:
        self.is_wanted = False
        self.own: set[Partition] = set()
        self.found: list[Progressed] = []
        self.superseded: set[str] = set()

    def follow(self, *, wanted: bool) -> None:
        self.is_wanted = wanted

    def assigned(self, partitions: Iterable[Partition]) -> None:
        self.own.update(partitions)

    def revoked(self, partitions: Iterable[Partition]) -> None:
        self.own.difference_update(partitions)

    def new(self) -> Iterator[Progressed]:
        found, self.found = self.found, []
        return iter(found)

    def is_superseded(self, delivery: WebhookDelivery) -> bool:
        return delivery.webhook_id in self.superseded

    def close(self) -> None: ...


class Scene:
    def __init__(self) -> None:
        self.now: datetime = NOW
        self.sending, self.feed, self.progress, self.endpoints = Sending(), Feed(), ProgressFeed(), Endpoints()
        self.delayed: Delayed[Event] = Delayed()
        schedule = Schedule(WEBHOOK_DELAYS_S)
        self.handler = WebhookHandler(
            self.sending,
            Feeds(self.feed, self.progress),
            Rules(
                FanOut(self.endpoints, schedule, can_sign=True),
                Orders(self.endpoints, schedule, SIGNER, Sealer(None)),
                Results(self.endpoints, schedule, 1e6),
            ),
            self.delayed,
            lambda: self.now,
        )

    def handle(self, *records: Received[Any]) -> list[Step]:
        return list(self.handler.handle(records))

    def end(self, which: Hashable, result: Any) -> list[Step]:
        self.sending.ends = [(which, result)]
        return self.handle()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def record(event: Event, offset: int = 0, number: int = 0, topic: str = WEBHOOK_DELIVERIES.name) -> Received[Event]:
    return Received(Partition(topic, number), offset, b"key", b"value", event=event)


def which(offset: int = 0, number: int = 0) -> Hashable:
    return Partition(WEBHOOK_DELIVERIES.name, number), offset


def settled(steps: Iterable[Step]) -> list[int]:
    return [step.settles.offset for step in steps if step.settles is not None]


def written(steps: Iterable[Step]) -> list[Any]:
    return [output.value for step in steps for output in step.outputs]


def test_a_job_is_settled_with_its_deliveries_and_a_tombstone_without(scene: Scene) -> None:
    steps = scene.handle(record(ended(URL, at=NOW), 0, topic=JOBS.name), record(None, 1, topic=JOBS.name))
    assert settled(steps) == [0, 1]
    assert [each.url for each in written(steps)] == [URL]
    assert scene.sending.sent == {}


def test_a_delivery_is_settled_when_its_attempt_has_ended(scene: Scene) -> None:
    assert scene.handle(record(delivery(1), 0), record(delivery(2), 1)) == []
    assert [order.delivery.webhook_id for order in scene.sending.sent.values()] == ["msg_1_failure", "msg_2_failure"]
    assert settled(scene.end(which(1), OK)) == [1]
    assert settled(scene.end(which(0), DOWN)) == [0]


def test_what_follows_a_failure_is_written_with_the_step_that_settles_it(scene: Scene) -> None:
    scene.handle(record(delivery()))
    (step,) = scene.end(which(), DOWN)
    assert [type(value) for value in written([step])] == [WebhookAttempted, WebhookDelivery]
    assert step.settles is not None


def test_a_delivery_that_is_not_due_waits_and_its_partition_is_paused(scene: Scene) -> None:
    assert scene.handle(record(delivery(due_at=after(5)))) == []
    assert scene.delayed.paused == {Partition(WEBHOOK_DELIVERIES.name, 0)}
    assert scene.sending.sent == {}
    scene.now = after(5)
    scene.handle()
    assert list(scene.sending.sent) == [which()]
    assert len(scene.delayed) == 0


def test_what_is_due_later_than_its_topics_delay_is_written_again_so_that_it_holds_up_nothing(scene: Scene) -> None:
    assert scene.handle(record(delivery(due_at=after(20), requeue_at=after(5)))) == []
    scene.now = after(5)
    (step,) = scene.handle()
    (again,) = written([step])
    assert (again.due_at, again.requeue_at, again.attempt, again.postponed) == (after(20), after(10), 1, 0)
    assert settled([step]) == [0]
    assert scene.sending.sent == {}


def test_what_was_not_written_again_in_time_is_attempted_when_it_is_due(scene: Scene) -> None:
    scene.now = after(20)
    scene.handle(record(delivery(due_at=after(20), requeue_at=after(5))))
    assert list(scene.sending.sent) == [which()]


def test_what_is_postponed_is_settled_with_its_next_record(scene: Scene) -> None:
    scene.handle(record(delivery()))
    (step,) = scene.end(which(), Postponed(60.0))
    assert [(value.attempt, value.postponed) for value in written([step])] == [(1, 1)]


def test_a_repeat_of_what_was_delivered_is_not_sent_again_unless_that_was_asked_for(scene: Scene) -> None:
    scene.handle(record(delivery(), 0))
    scene.end(which(0), OK)
    assert settled(scene.handle(record(delivery(), 1))) == [1]
    assert settled(scene.handle(record(delivery(requested_at=NOW), 2))) == []
    assert list(scene.sending.sent) == [which(0), which(2)]


def test_a_repeat_of_what_failed_is_sent_again(scene: Scene) -> None:
    scene.handle(record(delivery(), 0))
    scene.end(which(0), DOWN)
    assert settled(scene.handle(record(delivery(), 1))) == []


def test_a_missing_transcript_is_given_up_and_becomes_a_dead_letter(scene: Scene) -> None:
    scene.handle(record(delivery()))
    gone = Undecodable("transcript_gone", "no such object")
    (step,) = scene.end(which(), gone)
    assert step.dead is gone
    assert [(row.state, row.outcome) for row in written([step])] == [("given_up", "transcript_gone")]


def test_a_bug_in_an_attempt_ends_the_stage(scene: Scene) -> None:
    scene.handle(record(delivery()))
    with pytest.raises(ZeroDivisionError):
        scene.end(which(), ZeroDivisionError())


def test_nothing_is_handled_before_the_endpoints_are_known(scene: Scene) -> None:
    scene.feed.is_current = False
    assert scene.handler.room(JOBS.name) == 0
    assert scene.handle(record(ended(None, at=NOW), topic=JOBS.name)) == []

    scene.endpoints.put(registered())
    scene.feed.is_current = True
    steps = scene.handle()
    assert [each.endpoint_id for each in written(steps)] == ["ep_1"]
    assert settled(steps) == [0]


def test_a_delivery_may_arrive_before_its_endpoint(scene: Scene) -> None:
    assert scene.handle(record(delivery(url=None, endpoint_id="ep_1"))) == []
    assert scene.sending.sent == {}
    scene.endpoints.put(registered())
    scene.now = NOW + LOOK_AGAIN
    scene.handle()
    assert list(scene.sending.sent) == [which()]


def test_a_delivery_whose_endpoint_stays_unknown_is_given_up(scene: Scene) -> None:
    scene.handle(record(delivery(url=None, endpoint_id="ep_1")))
    scene.now = NOW + LOOK_AGAIN
    steps = scene.handle()
    assert settled(steps) == [0]
    assert [(row.state, row.outcome) for row in written(steps)] == [("given_up", "endpoint_deleted")]


def test_what_belongs_to_a_revoked_partition_is_dropped(scene: Scene) -> None:
    scene.handle(record(delivery(1), 0, 0), record(delivery(2), 0, 1), record(delivery(3, due_at=after(5)), 1, 1))
    scene.handler.on_revoke([Partition(WEBHOOK_DELIVERIES.name, 1)])
    assert scene.sending.cancelled == [which(0, 1)]
    assert len(scene.delayed) == 0
    scene.sending.ends = [(which(0, 0), OK), (which(0, 1), OK)]
    assert [step.settles.partition.number for step in scene.handle() if step.settles] == [0]


def test_room_ends_when_the_window_is_full_for_jobs_earlier_than_for_deliveries(scene: Scene) -> None:
    assert scene.handler.room(WEBHOOK_DELIVERIES.name) == IN_FLIGHT_MAX
    scene.handle(*(record(delivery(number), number) for number in range(IN_FLIGHT_MAX)))
    assert scene.handler.room(WEBHOOK_DELIVERIES.name) == 0
    scene.end(which(0), OK)
    assert (scene.handler.room(WEBHOOK_DELIVERIES.name), scene.handler.room(JOBS.name)) == (1, 0)


def progressed(percent: int = 40) -> Progressed:
    job = ended(None, state="STARTED", at=NOW)
    return Progressed(job, 0, percent, NOW, JobProgress(fraction=percent / 100))


def test_progress_is_read_only_while_an_endpoint_asks_for_it(scene: Scene) -> None:
    scene.endpoints.put(registered("ep_1", events=("transcription.started",)))
    scene.handle()
    assert not scene.progress.is_wanted
    scene.endpoints.put(registered("ep_2", events=("transcription.progress",)))
    scene.handle()
    assert scene.progress.is_wanted
    scene.endpoints.put(registered("ep_2", events=("transcription.progress",), enabled=False))
    scene.handle()
    assert not scene.progress.is_wanted
    scene.endpoints.put(registered("ep_2", events=("transcription.progress",)))
    scene.endpoints.remove("ep_2")
    scene.handle()
    assert not scene.progress.is_wanted


def test_what_is_new_goes_to_the_endpoints_of_the_owner_that_ask_for_it(scene: Scene) -> None:
    asks = {"events": ("transcription.progress",)}
    for endpoint in (registered("ep_1", **asks), registered("ep_2"), registered("ep_3", owner="somebody-else", **asks)):
        scene.endpoints.put(endpoint)
    scene.progress.found = [progressed()]
    (found,) = written(scene.handle())
    assert (found.endpoint_id, found.type, found.created_at, found.due_at) == ("ep_1", "transcription.progress", NOW, NOW)
    assert found.webhook_id == "msg_00000000-0000-0000-0000-000000000001_progress_40"
    assert found.progress.fraction == 0.4
    assert scene.handle() == []


def test_progress_that_is_superseded_is_settled_without_an_attempt(scene: Scene) -> None:
    scene.progress.superseded = {"msg_1_failure"}
    assert settled(scene.handle(record(delivery(1), 0), record(delivery(2), 1))) == [0]
    assert list(scene.sending.sent) == [which(1)]


def test_the_progress_of_a_job_is_sent_by_whoever_has_its_partition(scene: Scene) -> None:
    scene.handler.on_assign([Partition(JOBS.name, 1), Partition(JOBS.name, 2)])
    scene.handler.on_revoke([Partition(JOBS.name, 2)])
    assert scene.progress.own == {Partition(JOBS.name, 1)}
