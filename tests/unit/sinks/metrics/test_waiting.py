"""What is not settled yet: from the committed offset on, by length and by age."""

from datetime import UTC, datetime

from runtime.kafka.messages import Partition
from sinks.metrics.waiting import Unsettled, figures


def test_what_is_settled_no_longer_waits() -> None:
    records = Unsettled()
    for offset in range(4):
        records.add(offset, 100.0 + offset, 7.5)
    records.settle(3)
    assert (records.speech_s, records.since_s) == (7.5, 103.0)
    records.settle(4)
    assert (records.speech_s, records.since_s) == (0.0, None)


def test_a_record_settled_before_it_was_seen_never_waits() -> None:
    records = Unsettled()
    records.settle(5)
    records.add(4, 100.0, 7.5)
    assert (records.speech_s, records.since_s) == (0.0, None)


def test_an_older_answer_takes_nothing_back() -> None:
    records = Unsettled()
    records.settle(5)
    records.settle(3)
    records.add(4, 100.0, 7.5)
    assert records.since_s is None


def test_lanes_are_separate_and_the_oldest_is_of_all_partitions() -> None:
    def of(since_s: float, speech_s: float) -> Unsettled:
        records = Unsettled()
        records.add(0, since_s, speech_s)
        return records

    found = figures(
        {
            Partition("chunks.interactive", 0): of(150.0, 2.0),
            Partition("chunks.bulk", 0): of(100.0, 30.0),
            Partition("chunks.bulk", 1): of(250.0, 10.0),
            Partition("requests", 0): of(200.0, 0.0),
            Partition("decodes", 3): of(110.0, 0.0),
        }
    )
    assert found.queued_audio_s == {"interactive": 2.0, "bulk": 40.0}
    assert found.oldest_waiting_since == datetime.fromtimestamp(100, UTC)


def test_nothing_waits_in_empty_topics() -> None:
    found = figures({Partition("chunks.bulk", 0): Unsettled(), Partition("requests", 0): Unsettled()})
    assert found.queued_audio_s == {"interactive": 0.0, "bulk": 0.0}
    assert found.oldest_waiting_since is None
