"""The list of topics holds what the rest relies on."""

import pytest

from schemas.codec import Undecodable
from schemas.topics import BY_NAME, JOBS, REQUESTS, REVOCATIONS, TOPICS, TRANSCRIPTS


def test_names_are_unique_and_carry_no_prefix() -> None:
    assert len(BY_NAME) == len(TOPICS)
    assert not [topic.name for topic in TOPICS if topic.name.startswith("murmur")]


def test_what_the_coordinator_reads_together_is_partitioned_together() -> None:
    inputs = {topic.name for topic in TOPICS if "coordinator" in topic.readers}
    assert inputs == {topic.name for topic in TOPICS if topic.co_partitioned}
    assert {"requests", "cancellations", "chunk-results"} < inputs


def test_all_that_the_coordinator_alone_writes_is_written_in_transactions() -> None:
    assert all(topic.transactional for topic in TOPICS if "coordinator" in topic.writers)


def test_the_coordinator_alone_writes_jobs_and_transcripts() -> None:
    assert JOBS.writers == TRANSCRIPTS.writers == ("coordinator",)
    assert JOBS.cleanup == "compact"
    assert REQUESTS.cleanup == "delete"


def test_only_a_compacted_topic_that_has_tombstones_may_have_an_empty_value() -> None:
    assert JOBS.decode(None) is None
    assert REVOCATIONS.decode(None) is None
    assert all(topic.cleanup == "compact" for topic in TOPICS if topic.has_tombstones)
    with pytest.raises(Undecodable):
        REQUESTS.decode(None)
