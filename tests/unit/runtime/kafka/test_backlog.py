"""What counts as unread: from what was let in, what has arrived, and what the readers are done with."""

from runtime.kafka.embedded.backlog import ARRIVAL_S, FOLLOWER_S, FOREIGN_BYTES, Unread


def unread(*sizes_bytes: int) -> Unread:
    records = Unread()
    for size_bytes in sizes_bytes:
        records.add(size_bytes)
    return records


def test_everything_is_unread_until_a_reader_commits() -> None:
    records = unread(10, 20, 30)

    records.settle(end=3, committed=[0], now_s=5.0)

    assert records.size_bytes == 60


def test_the_oldest_records_are_the_ones_that_are_done() -> None:
    records = unread(10, 20, 30)

    records.settle(end=3, committed=[2], now_s=5.0)

    assert records.size_bytes == 30


def test_the_slowest_reader_counts() -> None:
    records = unread(10, 20, 30)

    records.settle(end=3, committed=[3, 1], now_s=5.0)

    assert records.size_bytes == 50


def test_what_is_still_on_its_way_is_unread() -> None:
    records = unread(10, 20, 30)

    records.settle(end=1, committed=[1], now_s=5.0)

    assert records.size_bytes == 50


def test_a_follower_has_read_what_was_there_a_second_ago() -> None:
    records = unread(10, 20)
    records.settle(end=2, committed=[None], now_s=5.0)
    records.add(30)
    records.settle(end=3, committed=[None], now_s=5.0 + FOLLOWER_S / 2)
    assert records.size_bytes == 60

    records.settle(end=3, committed=[None], now_s=5.0 + FOLLOWER_S)

    assert records.size_bytes == 30


def test_a_follower_does_not_hide_a_group_that_is_behind() -> None:
    records = unread(10, 20)
    records.settle(end=2, committed=[None, 1], now_s=5.0)

    records.settle(end=2, committed=[None, 1], now_s=5.0 + FOLLOWER_S)

    assert records.size_bytes == 20


def test_records_of_another_process_are_counted_when_they_are_seen() -> None:
    records = unread(10)

    records.settle(end=3, committed=[1], now_s=5.0)

    assert records.size_bytes == 2 * FOREIGN_BYTES


def test_a_record_that_was_admitted_and_never_written_is_removed() -> None:
    records = unread(10, 20, 30)
    records.settle(end=2, committed=[2], now_s=5.0)
    assert records.size_bytes == 30

    records.settle(end=2, committed=[2], now_s=5.0 + ARRIVAL_S)

    assert records.size_bytes == 0
