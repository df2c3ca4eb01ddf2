"""What the watchdog takes for unread, by what the consumer knows of its partitions."""

from types import SimpleNamespace

from aiokafka.structs import TopicPartition

from sinks.metrics.transport import Thread


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
