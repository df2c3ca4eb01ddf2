"""What a started `murmur dev` requests again, from the view of its last run."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from murmur.dev import seed, with_folders
from murmur.dev.system import store_of
from producers.gateway.view.view import View, view_path
from runtime.kafka import changelog, deadletters
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.follower import Follower
from runtime.kafka.messages import Partition, Received
from runtime.objects.transcripts import Transcripts
from runtime.settings import Settings
from runtime.work_folders import CHUNK_RESULTS, WorkFolders
from schemas import codec
from schemas.cache import CLEARED, CacheCleared, CacheEntry
from schemas.jobs import CancelRequested, JobRequested
from schemas.options import ModelRef
from schemas.record import Record
from schemas.topics import CACHE_CHANGELOG, DEAD_LETTERS, JOBS, WEBHOOK_ENDPOINT_STATES, WEBHOOK_ENDPOINTS, Topic
from tests.counted import changed
from tests.ended import transcript
from tests.letters import dead_letter
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


@pytest.mark.parametrize("minutes", [30, -30])
def test_a_transcript_that_was_stored_for_an_unfinished_job_is_in_the_cache(tmp_path: Path, minutes: int) -> None:
    """And one that was stored before the job was submitted is not: the cache did not answer with it."""
    settings = unfinished(tmp_path, datetime.now(UTC) - timedelta(minutes=minutes))
    objects = store_of(settings)
    objects.create()
    Transcripts(objects, settings.work_bucket).write(
        transcript(datetime.now(UTC)).model_copy(update={"work_id": WORK_ID, "language": "en"})
    )
    with EmbeddedBroker() as broker:
        outputs = seed.remember(broker, settings, objects, [SERVED]).requests
        cached = entries(broker)
    assert [type(output.value).__name__ for output in outputs] == ["JobRequested"]
    assert [(work_id, entry.language, entry.size_bytes > 0) for work_id, entry in cached.items()] == (
        [(WORK_ID, "en", True)] if minutes > 0 else []
    )


def unfinished(folder: Path, submitted_at: datetime) -> Settings:
    """Of a data folder with one unfinished job."""
    settings = with_folders(Settings(model="demo", data_dir=folder))
    request = requested(uuid4(), 0)
    with closing(View(view_path(settings))) as view:
        view.open()
        view.follow("cluster-1")
        view.accept(request.model_copy(update={"job": request.job.model_copy(update={"submitted_at": submitted_at})}))
    return settings


def entries(broker: EmbeddedBroker) -> dict[str, CacheEntry]:
    """What the cache's changelog has, by work, in the order in which it was written."""
    found = changelog.newest(broker.kafka(), (CACHE_CHANGELOG,), range(broker.partitions))
    return {key.decode(): CacheEntry.read(value) for _, key, value in found}


def test_the_cache_is_as_it_was_without_what_has_expired_or_was_cleared(tmp_path: Path) -> None:
    settings = unfinished(tmp_path, datetime.now(UTC))
    now = datetime.now(UTC)
    kept = CacheEntry(now - timedelta(days=1), 1200, 3.5, "en", now, hits=4)
    all_of = {"a" * 64: kept, "b" * 64: CacheEntry(now - timedelta(days=6)), "d" * 64: CacheEntry(now - timedelta(days=8))}
    cleared_at = now - timedelta(days=2)
    with closing(View(view_path(settings))) as view:
        view.open()
        partition = Partition(CACHE_CHANGELOG.name, 0)
        records = [Received(partition, 0, key.encode(), entry.written("x"), None) for key, entry in all_of.items()]
        view.apply(records, {partition: 1})
        view.clear_cache(CacheCleared(at=cleared_at))
    objects = store_of(settings)
    objects.create()
    with EmbeddedBroker() as broker:
        seed.remember(broker, settings, objects, [SERVED])
        assert entries(broker) == {"a" * 64: kept, CLEARED: CacheEntry(cleared_at)}
    with closing(View(view_path(settings))) as view:
        view.open()
        assert dict(view.cache.entries(None)) == {"a" * 64: kept}


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


def test_dead_letters_that_wait_are_on_their_topic_again(settings: Settings) -> None:
    waiting, dropped = dead_letter(1), dead_letter(2)
    with closing(View(view_path(settings))) as view:
        view.open()
        partition = Partition(DEAD_LETTERS.name, 0)
        letters = (waiting, dropped, dropped.settle("dropped", datetime.now(UTC)))
        view.apply([Received(partition, at, None, codec.encode(dead), event=dead) for at, dead in enumerate(letters)], {})
    objects = store_of(settings)
    objects.create()
    with EmbeddedBroker() as broker:
        seed.remember(broker, settings, objects, [SERVED])
        assert deadletters.read(broker.kafka()) == [waiting]


def test_results_of_chunks_stay_only_as_long_as_a_job_of_their_work_is_listed(settings: Settings) -> None:
    """Also when the jobs are forgotten while `murmur dev` does not run, and no coordinator deletes them."""
    failed, old = (changed("FAILURE").model_copy(update={"work_id": each * 64}) for each in "ab")
    old = old.model_copy(update={"changed_at": datetime.now(UTC) - timedelta(seconds=settings.ended_jobs_s + 60)})
    with closing(View(view_path(settings))) as view:
        view.open()
        partition = Partition(JOBS.name, 0)
        for place, job in enumerate((failed, old)):
            view.apply([Received(partition, place, None, codec.encode(job), event=job)], {partition: place + 1})
    kept = WorkFolders(settings.data_dir / CHUNK_RESULTS)
    for work_id in (WORK_ID, failed.work_id, old.work_id, "f" * 64):
        kept.open(work_id)
        kept.make(work_id)
        (settings.data_dir / CHUNK_RESULTS / work_id / "0-1.json").write_text("what was said")
    objects = store_of(settings)
    objects.create()
    with EmbeddedBroker() as broker:
        seed.remember(broker, settings, objects, [SERVED])
    assert {folder.name for folder in (settings.data_dir / CHUNK_RESULTS).iterdir()} == {WORK_ID, failed.work_id}
