"""What `murmur topics apply` would do, from what is there and what is wanted."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from runtime.kafka.topics import DEAD_LETTER_BYTES, Existing, Plan, plan, wanted_config
from runtime.settings import Settings
from schemas.topics import (
    CACHE_CHANGELOG,
    CANCELLATIONS,
    CHUNKS_BULK,
    DEAD_LETTERS,
    JOBS,
    REQUESTS,
    TOPICS,
    TRANSCRIPTS,
    WORKERS,
    Topic,
)

SETTINGS = Settings(topic_partitions=8, topic_replication=1)


def existing(topic: Topic, *, partitions: int = 8, replication: int = 1, config: Mapping[str, str] | None = None) -> Existing:
    return Existing(partitions, replication, {**wanted_config(topic, SETTINGS), **(config or {})})


def test_an_empty_cluster_gets_every_topic() -> None:
    assert plan(TOPICS, {}, SETTINGS) == Plan(create=tuple((topic, 8) for topic in TOPICS))


def test_a_second_time_there_is_nothing_to_do() -> None:
    there = {topic.name: existing(topic) for topic in TOPICS}

    assert plan(TOPICS, there, SETTINGS) == Plan()


def test_only_the_missing_topics_are_created() -> None:
    there = {topic.name: existing(topic) for topic in TOPICS if topic != JOBS}

    assert plan(TOPICS, there, SETTINGS) == Plan(create=((JOBS, 8),))


def test_a_new_topic_gets_as_many_partitions_as_those_it_must_match() -> None:
    todo = plan([REQUESTS, CANCELLATIONS, JOBS], {REQUESTS.name: existing(REQUESTS, partitions=4)}, SETTINGS)

    assert todo.create == ((CANCELLATIONS, 4), (JOBS, 8))


def test_a_topic_whose_keys_may_move_gets_more_partitions() -> None:
    assert plan([CHUNKS_BULK], {CHUNKS_BULK.name: existing(CHUNKS_BULK, partitions=4)}, SETTINGS) == Plan(
        grow={CHUNKS_BULK.name: 8}
    )


@pytest.mark.parametrize("topic", [REQUESTS, CANCELLATIONS, CACHE_CHANGELOG, JOBS])
def test_joined_and_compacted_topics_never_get_more_partitions(topic: Topic) -> None:
    todo = plan([topic], {topic.name: existing(topic, partitions=4)}, SETTINGS)

    assert (todo.grow, len(todo.drift)) == ({}, 1)
    assert "4 partitions, not 8" in todo.drift[0]


def test_workers_are_compacted_and_deleted_after_an_hour() -> None:
    config = wanted_config(WORKERS, SETTINGS)
    assert (config["cleanup.policy"], config["retention.ms"], config["segment.ms"]) == ("compact,delete", "3600000", "600000")


def test_nothing_shrinks() -> None:
    todo = plan([CHUNKS_BULK], {CHUNKS_BULK.name: existing(CHUNKS_BULK, partitions=16)}, SETTINGS)

    assert todo == Plan(drift=("chunks.bulk: 16 partitions, not 8; a topic cannot shrink",))


def test_a_retention_that_is_too_short_is_repaired() -> None:
    there = existing(TRANSCRIPTS, config={"retention.ms": "1000"})

    assert plan([TRANSCRIPTS], {TRANSCRIPTS.name: there}, SETTINGS).configure == {
        TRANSCRIPTS.name: {"retention.ms": str(TRANSCRIPTS.retention_ms)}
    }


@pytest.mark.parametrize("longer", ["-1", "99999999999"])
def test_a_longer_retention_is_the_operators_wish(longer: str) -> None:
    todo = plan([TRANSCRIPTS], {TRANSCRIPTS.name: existing(TRANSCRIPTS, config={"retention.ms": longer})}, SETTINGS)

    assert (todo.configure, len(todo.drift)) == ({}, 1)


def test_a_table_that_would_be_deleted_by_age_is_compacted_instead() -> None:
    there = existing(CACHE_CHANGELOG, config={"cleanup.policy": "delete"})

    assert plan([CACHE_CHANGELOG], {CACHE_CHANGELOG.name: there}, SETTINGS).configure == {
        CACHE_CHANGELOG.name: {"cleanup.policy": "compact"}
    }


def test_a_compacted_topic_is_never_changed_to_one_that_deletes() -> None:
    todo = plan([CHUNKS_BULK], {CHUNKS_BULK.name: existing(CHUNKS_BULK, config={"cleanup.policy": "compact"})}, SETTINGS)

    assert (todo.configure, len(todo.drift)) == ({}, 1)


def test_fewer_copies_than_wanted_are_reported() -> None:
    there = {JOBS.name: replace(existing(JOBS), replication=2)}

    todo = plan([JOBS], there, Settings(topic_partitions=8, topic_replication=3))

    assert todo.drift == ("jobs: 2 copies, not 3; reassign its partitions",)
    assert todo.configure == {JOBS.name: {"min.insync.replicas": "2"}}


def test_a_dead_letter_has_room_for_the_largest_record_in_base64() -> None:
    assert int(wanted_config(DEAD_LETTERS, SETTINGS)["max.message.bytes"]) == DEAD_LETTER_BYTES > 1_048_588 * 4 // 3


def test_a_topic_with_one_replica_never_gets_min_insync_replicas_of_two() -> None:
    """Before Kafka 4 it would refuse every record."""
    cluster = Settings(topic_partitions=8, topic_replication=3)
    alone = plan([REQUESTS], {REQUESTS.name: existing(REQUESTS)}, cluster)
    assert alone == Plan(drift=("requests: 1 copies, not 3; reassign its partitions",))
    three = plan([REQUESTS], {REQUESTS.name: existing(REQUESTS, replication=3)}, cluster)
    assert three == Plan(configure={REQUESTS.name: {"min.insync.replicas": "2"}})
