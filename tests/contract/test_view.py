"""The gateway's view fed by a broker: it follows, continues where it was, and reports whether it has read everything."""

import asyncio
from collections.abc import Iterator, Set
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from producers.gateway.view.feed import Feed, Freshness, Wakeups
from producers.gateway.view.view import View
from runtime.errors import Retry
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.client import Kafka
from runtime.kafka.messages import Output, Partition
from schemas.jobs import Job, JobChanged, JobRequested, State, Work
from schemas.options import ModelRef
from schemas.record import ObjectRef
from schemas.topics import JOBS, REQUESTS
from tests.waiting import DEADLINE_S, wait_until

MODEL = ModelRef(name="demo", revision="1")


def job(job_id: UUID) -> Job:
    return Job(job_id=job_id, source="http", filename="a.wav", submitted_at=datetime.now(UTC))


def requested(job_id: UUID) -> Output:
    audio = ObjectRef(bucket="work", key="uploads/x")
    work = Work(work_id=job_id.hex * 2, audio_id="a" * 64, slice_id="b" * 64, audio=audio, model=MODEL)
    return Output(REQUESTS, work.work_id, JobRequested(job=job(job_id), work=work))


def changed(job_id: UUID, state: State) -> Output:
    now = datetime.now(UTC)
    record = JobChanged(job=job(job_id), work_id=job_id.hex * 2, audio_id="a" * 64, model=MODEL, state=state, changed_at=now)
    return Output(JOBS, str(job_id), record)


async def send(kafka: Kafka, *outputs: Output) -> None:
    producer = AsyncProducer(kafka, "test", "test")
    producer.open()
    try:
        await asyncio.gather(*(producer.send(output) for output in outputs))
    finally:
        producer.close()


@contextmanager
def following(kafka: Kafka, path: Path, touched: set[str] | None = None) -> Iterator[View]:
    """A view with its feed's thread, as in the gateway, and ready."""

    def moved(keys: Set[str]) -> None:
        if touched is not None:
            touched.update(keys)

    view, producer = View(path), AsyncProducer(kafka, "view", "gateway")
    view.open()
    producer.open()
    feed = Feed(kafka, producer, view, moved)
    feed.start()
    try:
        wait_until(lambda: feed.not_ready is None, "the view to be ready")
        yield view
    finally:
        assert feed.stop(DEADLINE_S)
        producer.close()
        view.close()


def state(view: View, job_id: UUID) -> State | None:
    found = view.get(job_id)
    return found.state if found else None


def test_it_follows_requests_and_jobs(kafka: Kafka, tmp_path: Path) -> None:
    job_id, touched = uuid4(), set[str]()
    with following(kafka, tmp_path / "view", touched) as view:
        asyncio.run(send(kafka, requested(job_id)))
        wait_until(lambda: state(view, job_id) == "PENDING", "the request")
        asyncio.run(send(kafka, changed(job_id, "SUCCESS")))
        wait_until(lambda: state(view, job_id) == "SUCCESS", "the end")
    assert str(job_id) in touched


def test_it_is_ready_only_when_what_was_there_before_was_read(kafka: Kafka, tmp_path: Path) -> None:
    ids = [uuid4() for _ in range(50)]
    asyncio.run(send(kafka, *map(requested, ids), *(changed(job_id, "STARTED") for job_id in ids)))

    with following(kafka, tmp_path / "view") as view:
        assert {state(view, job_id) for job_id in ids} == {"STARTED"}


def test_it_continues_where_it_was(kafka: Kafka, tmp_path: Path) -> None:
    before, after = uuid4(), uuid4()
    asyncio.run(send(kafka, requested(before)))
    with following(kafka, tmp_path / "view") as view:
        reached = view.offsets()
    asyncio.run(send(kafka, requested(after)))

    with following(kafka, tmp_path / "view") as view:
        assert (state(view, before), state(view, after)) == ("PENDING", "PENDING")
        read = sum(view.offsets().values()) - sum(reached.values())
    assert read == 1


def test_a_view_of_another_cluster_is_rebuilt(kafka: Kafka, tmp_path: Path) -> None:
    here, elsewhere = uuid4(), uuid4()
    view = View(tmp_path / "view")
    view.open()
    view.follow("another cluster")
    request = requested(elsewhere).value
    assert isinstance(request, JobRequested)
    view.accept(request)
    view.apply([], {Partition(REQUESTS.name, number): 1_000_000 for number in range(4)})
    view.close()
    asyncio.run(send(kafka, requested(here)))

    with following(kafka, tmp_path / "view") as view:
        assert (state(view, here), state(view, elsewhere)) == ("PENDING", None)


def test_what_was_accepted_elsewhere_is_there_once_the_view_is_fresh(kafka: Kafka, tmp_path: Path) -> None:
    async def scenario() -> list[State | None]:
        wakeups = Wakeups(asyncio.get_running_loop())
        view, producer = View(tmp_path / "view"), AsyncProducer(kafka, "view", "gateway")
        view.open()
        producer.open()
        feed = Feed(kafka, producer, view, wakeups.notify)
        feed.start()
        try:
            await asyncio.to_thread(wait_until, lambda: feed.not_ready is None, "the view")
            freshness, found = Freshness(view, wakeups, feed.end_offsets), []
            for job_id in [uuid4() for _ in range(20)]:
                await producer.send(requested(job_id))
                await freshness.reached(within_s=DEADLINE_S)
                found.append(state(view, job_id))
            return found
        finally:
            assert await asyncio.to_thread(feed.stop, DEADLINE_S)
            producer.close()
            view.close()

    assert asyncio.run(scenario()) == ["PENDING"] * 20


def test_a_view_that_does_not_catch_up_in_time_raises_retry(tmp_path: Path) -> None:
    async def scenario() -> None:
        view = View(tmp_path / "view")
        freshness = Freshness(view, Wakeups(asyncio.get_running_loop()), lambda: {Partition(REQUESTS.name, 0): 1})
        await freshness.reached(within_s=0.05)

    with pytest.raises(Retry):
        asyncio.run(scenario())


def test_a_record_for_an_unavailable_broker_does_not_count_as_sent() -> None:
    nowhere = Kafka("127.0.0.1:1", common={"log_level": 0})
    with pytest.raises(Retry):
        asyncio.run(send(nowhere, requested(uuid4())))
