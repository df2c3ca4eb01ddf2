"""What a started `murmur dev` requests again, from the view of its last run."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from murmur.dev import seed, with_folders
from murmur.dev.system import store_of
from producers.gateway.view.view import View, view_path
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Partition, Received
from runtime.objects.keys import transcript_key
from runtime.settings import Settings
from schemas import codec
from schemas.jobs import CancelRequested, JobRequested
from schemas.options import ModelRef
from schemas.record import Record
from schemas.topics import JOBS, WEBHOOK_ENDPOINT_STATES, WEBHOOK_ENDPOINTS, Topic
from tests.counted import changed
from tests.unit.producers.gateway.view.test_view import WORK_ID, requested
from tests.webhooks import endpoint, endpoint_state

SERVED = requested(uuid4(), 0).work.model


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a data folder with two unfinished jobs, the second of which was cancelled."""
    settings = with_folders(Settings(model="demo", data_dir=tmp_path))
    view = View(view_path(settings))
    view.open()
    view.follow("cluster-1")
    for request in (requested(uuid4(), 0), cancelled := requested(uuid4(), 1)):
        view.accept(request)
    view.cancel(CancelRequested(job_id=cancelled.job.job_id, work_id=WORK_ID, requested_at=datetime.now(UTC)))
    view.close()
    return settings


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_job_whose_transcript_was_stored_before_the_end_is_answered_with_it(settings: Settings, is_stored: bool) -> None:
    objects = store_of(settings)
    objects.create()
    if is_stored:
        objects.put(settings.work_bucket, transcript_key(WORK_ID), b"{}")
    with EmbeddedBroker() as broker:
        outputs = seed.remember(broker, settings, objects, [SERVED]).requests
    requests = [output.value for output in outputs if isinstance(output.value, JobRequested)]
    assert [request.refused for request in requests] == [None, None]
    assert [request.result is not None for request in requests] == [is_stored, False]
    assert [type(output.value).__name__ for output in outputs] == ["JobRequested", "JobRequested", "CancelRequested"]


def test_an_unfinished_job_for_a_model_that_is_not_served_any_more_fails(settings: Settings) -> None:
    objects = store_of(settings)
    objects.create()
    other = ModelRef(name="other", revision="1")
    with EmbeddedBroker() as broker:
        outputs = seed.remember(broker, settings, objects, [other]).requests
    refused = [output.value.refused for output in outputs if isinstance(output.value, JobRequested)]
    assert [failure.reason for failure in refused if failure is not None] == ["model_not_served"] * 2
    assert all(failure is not None and SERVED.name in failure.message for failure in refused)


def test_registered_webhook_endpoints_are_on_their_topics_before_any_stage_starts(settings: Settings) -> None:
    one, other = endpoint("ep_1"), endpoint("ep_2")
    state = endpoint_state(other, disabled_at=other.created_at, reason="gone")
    with closing(View(view_path(settings))) as view:
        view.open()
        for place, (topic, record) in enumerate(
            ((WEBHOOK_ENDPOINTS, one), (WEBHOOK_ENDPOINTS, other), (WEBHOOK_ENDPOINT_STATES, state))
        ):
            partition = Partition(topic.name, 0)
            view.apply([Received(partition, place, None, codec.encode(record), event=record)], {partition: place + 1})
    objects = store_of(settings)
    objects.create()
    with EmbeddedBroker() as broker:
        seed.remember(broker, settings, objects, [SERVED])
        found = records(broker, WEBHOOK_ENDPOINTS, WEBHOOK_ENDPOINT_STATES)
    assert {type(event).__name__: event for event in found if event != one} == {
        "WebhookEndpoint": other,
        "WebhookEndpointState": state,
    }
    assert one in found


def test_what_ended_in_the_last_day_is_on_jobs_and_no_webhook_is_sent_for_it_again(settings: Settings) -> None:
    now = datetime.now(UTC)
    today, failed, before = changed(), changed("FAILURE"), changed().model_copy(update={"changed_at": now - timedelta(days=2)})
    with closing(View(view_path(settings))) as view:
        view.open()
        partition = Partition(JOBS.name, 0)
        for place, job in enumerate((today, failed, before, changed("STARTED"))):
            view.apply([Received(partition, place, None, codec.encode(job), event=job)], {partition: place + 1})
    objects = store_of(settings)
    objects.create()
    with EmbeddedBroker() as broker:
        seed.remember(broker, settings, objects, [SERVED])
        kafka = broker.kafka()
        found = [codec.encode(job) for job in records(broker, JOBS) if job is not None]
        assert sorted(found) == sorted([codec.encode(today), codec.encode(failed)])
        assert all(kafka.offsets.has_read(stage, kafka.offsets.nonempty_ends((JOBS,))) for stage in ("webhooks", "store"))


def records(broker: EmbeddedBroker, *topics: Topic) -> list[Record | None]:
    with closing(Follower(broker.kafka(), topics)) as follower:
        ends, found = follower.end_offsets(), []
        while not follower.reached(ends):
            found += [record.event for record in follower.poll(0.1)]
    return found
