"""Records that wait until they are due."""

from datetime import UTC, datetime, timedelta

from runtime.kafka.delayed import Delayed
from runtime.kafka.messages import Partition, Received

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
FIRST, SECOND = Partition("webhook-retries.1", 0), Partition("webhook-retries.1", 1)


def record(offset: int, partition: Partition = FIRST) -> Received[None]:
    return Received(partition, offset, None, None, None)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_record_leaves_when_it_is_due_and_until_then_its_partition_is_paused() -> None:
    delayed: Delayed[None] = Delayed()
    delayed.keep(record(1), after(5))

    assert delayed.paused == {FIRST}
    assert delayed.wait_s(NOON) == 5
    assert delayed.due(after(4.999)) == []
    assert delayed.due(after(5)) == [record(1)]
    assert (len(delayed), delayed.paused, delayed.wait_s(after(5))) == (0, set(), None)


def test_the_earliest_leaves_first_whichever_came_first() -> None:
    delayed: Delayed[None] = Delayed()
    for offset, seconds in ((1, 5), (2, 3), (3, 3)):
        delayed.keep(record(offset), after(seconds))

    assert [each.offset for each in delayed.due(after(9))] == [2, 3, 1]
    assert delayed.wait_s(after(9)) is None


def test_what_has_long_been_due_does_not_have_to_wait() -> None:
    delayed: Delayed[None] = Delayed()
    delayed.keep(record(1), NOON)
    assert delayed.wait_s(after(60)) == 0


def test_a_partition_is_paused_from_as_many_records_on_as_may_be_read_ahead() -> None:
    delayed: Delayed[None] = Delayed(read_ahead=2)
    delayed.keep(record(1), NOON)
    assert delayed.paused == set()

    delayed.keep(record(2), after(9))
    delayed.keep(record(1, SECOND), after(9))
    assert delayed.paused == {FIRST}

    delayed.due(NOON)
    assert delayed.paused == set()


def test_records_of_partitions_that_were_lost_are_forgotten() -> None:
    delayed: Delayed[None] = Delayed()
    delayed.keep(record(1), NOON)
    delayed.keep(record(7, SECOND), NOON)

    delayed.forget([FIRST])

    assert (len(delayed), delayed.paused) == (1, {SECOND})
    assert [each.offset for each in delayed.due(NOON)] == [7]
