"""Which partitions count as unread, by the consumer's state; and what is committed."""

from collections import defaultdict
from types import SimpleNamespace

from aiokafka.structs import TopicPartition

from sinks.metrics.transport import Consumer, Thread

JOBS_0 = TopicPartition("jobs", 0)


def unread(**ends: tuple[int, int]) -> dict[TopicPartition, int]:
    """Of partitions 0 with (position, last stable offset), by topic with `_` for `-`."""
    states = {
        TopicPartition(name.replace("_", "-"), 0): SimpleNamespace(has_valid_position=True, position=p, lso=end, highwater=end)
        for name, (p, end) in ends.items()
    }
    assignment = SimpleNamespace(tps=set(states), state_value=states.__getitem__)
    consumer = SimpleNamespace(_subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment)))
    return Thread.unread(SimpleNamespace(_ensure_consumer=lambda: consumer))  # type: ignore[arg-type]


def test_a_source_that_is_not_read_to_its_end_is_unread() -> None:
    assert unread(jobs=(3, 7)) == {TopicPartition("jobs", 0): 3}
    assert unread(jobs=(7, 7)) == {}


def test_a_changelog_that_this_app_writes_itself_is_not_waited_for() -> None:
    assert unread(metrics_windows_changelog=(0, 9), jobs=(7, 7)) == {}


def committed(counted: list[int], in_flight: list[int]) -> tuple[int | None, list[int]]:
    """What is committed, and what of the counted ones is left for the next time."""
    acked = defaultdict(list, {JOBS_0: counted})
    unacked = [SimpleNamespace(tp=JOBS_0, offset=offset) for offset in in_flight]
    consumer = SimpleNamespace(unacked=unacked, _acked=acked, _acked_index=defaultdict(set, {JOBS_0: set(counted)}))
    offset = Consumer._new_offset(consumer, JOBS_0)  # type: ignore[arg-type]
    assert consumer._acked_index[JOBS_0] == set(acked[JOBS_0])
    return offset, acked[JOBS_0]


def test_one_commit_passes_all_markers_between_counted_records() -> None:
    assert committed([3, 4, 6, 7, 9, 40], in_flight=[]) == (41, [])
    assert committed([], in_flight=[]) == (None, [])


def test_a_record_in_flight_is_not_committed_over() -> None:
    assert committed([3, 4, 7, 9], in_flight=[6]) == (5, [7, 9])
    assert committed([7, 9], in_flight=[6]) == (None, [7, 9])
