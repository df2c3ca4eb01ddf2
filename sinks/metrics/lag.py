"""How far the consumer groups of all stages are behind: records between their committed offsets and the ends of their topics.

Read here for every group, so that the lag of a stage that does not run is known, too. On a topic written in transactions each
transaction's marker counts as a record.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from runtime.kafka.messages import Partition
from runtime.kafka.offsets import Offsets
from runtime.kafka.per_topic import group_of
from schemas.topics import CHUNKS_BULK, CHUNKS_INTERACTIVE, TOPICS, Topic

EVERY_S = 10.0
PER_TOPIC = (CHUNKS_INTERACTIVE, CHUNKS_BULK)  # their readers are in a group for each

Lag = Mapping[tuple[str, str], int]  # by group, without the prefix, and topic


def consumer_lag(offsets: Offsets, answer_s: float) -> Lag:
    """Of each group and topic of which it has committed something. Blocks; raises BrokerUnavailable."""
    committed = offsets.committed_by(groups(TOPICS), answer_s)
    known = {partition.topic for partitions in committed.values() for partition in partitions}
    ends = offsets.ends([topic for topic in TOPICS if topic.name in known], answer_s)
    return {key: behind for group, partitions in committed.items() for key, behind in _behind(group, partitions, ends)}


def _behind(
    group: str, committed: Mapping[Partition, int], ends: Mapping[Partition, int]
) -> Iterator[tuple[tuple[str, str], int]]:
    behind: Counter[str] = Counter()
    for partition, offset in committed.items():
        behind[partition.topic] += max(0, ends[partition] - offset)
    return (((group, topic), records) for topic, records in behind.items())


def groups(topics: Iterable[Topic]) -> dict[str, list[Topic]]:
    """The topics of each group that a reader of them may be in. A reader that follows a topic on its own commits nothing."""
    found: dict[str, list[Topic]] = {}
    for topic in topics:
        for reader in topic.readers:
            found.setdefault(group_of(reader, topic) if topic in PER_TOPIC else reader, []).append(topic)
    return found
