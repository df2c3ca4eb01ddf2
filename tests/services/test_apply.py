"""`murmur topics apply` and `murmur buckets apply` as commands on real services: they end well, twice, and say what differs."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from schemas.topics import TOPICS
from scripts.services.store import Store
from scripts.services.supervisor import Services
from tests.processes import Murmur
from tests.services.running import plain_s3
from tests.waiting import DEADLINE_S

Environment = dict[str, str]


@pytest.fixture
def cluster(services: Services) -> Iterator[Environment]:
    """An unused prefix, with two partitions a topic."""
    prefix = f"murmur.t{uuid.uuid4().hex[:12]}."
    yield {**services.minio.environment(), "MURMUR_TOPIC_PREFIX": prefix, "MURMUR_TOPIC_PARTITIONS": "2"}
    services.kafka.drop(prefix)


@pytest.fixture
def buckets(store: Store) -> Iterator[Environment]:
    """Names of buckets that are not there yet; they go afterwards."""
    names = {f"MURMUR_{role}_BUCKET": f"{role.lower()}-{uuid.uuid4().hex}" for role in ("UPLOADS", "WORK", "RESULTS")}
    yield {**store.environment(), **names}
    client = plain_s3(store.settings())
    for name in names.values():
        client.delete_bucket(Bucket=name)
    client.close()


def lines_of(folder: Path, environment: Environment, *command: str) -> list[str]:
    """The lines of a command that ended well."""
    done = Murmur(folder, environment)(*command)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def configuration(services: Services, topic: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = services.kafka.admin()  # it has to exist until it has answered
    answer = admin.describe_configs([resource])[resource].result(DEADLINE_S)
    return {name: str(entry.value) for name, entry in answer.items()}


def configure(services: Services, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = services.kafka.admin()
    admin.incremental_alter_configs([resource])[resource].result(DEADLINE_S)


def test_topics_are_created_once_and_as_they_are_kept(services: Services, cluster: Environment, tmp_path: Path) -> None:
    prefix = cluster["MURMUR_TOPIC_PREFIX"]
    assert lines_of(tmp_path, cluster, "topics", "apply") == [f"created {prefix}{topic.name}" for topic in TOPICS]
    assert lines_of(tmp_path, cluster, "topics", "apply") == ["nothing to do"]
    there = services.kafka.admin().list_topics(timeout=DEADLINE_S).topics
    assert {len(there[prefix + topic.name].partitions) for topic in TOPICS} == {2}
    for topic in TOPICS:
        assert configuration(services, prefix + topic.name)["cleanup.policy"] == topic.cleanup
    assert sum(topic.name.endswith("-changelog") and topic.cleanup == "compact" for topic in TOPICS) >= 4


def test_topics_never_shrink_and_differences_are_fixed_or_reported(
    services: Services, cluster: Environment, tmp_path: Path
) -> None:
    prefix = cluster["MURMUR_TOPIC_PREFIX"]
    lines_of(tmp_path, cluster, "topics", "apply")
    configure(services, f"{prefix}jobs", "cleanup.policy", "delete")
    configure(services, f"{prefix}transcripts", "retention.ms", str(30 * 86_400_000))
    fixed = lines_of(tmp_path, cluster, "topics", "apply")
    assert fixed == [
        f"configured {prefix}jobs: cleanup.policy=compact",
        f"left as it is: {prefix}transcripts: retention.ms is 2592000000, not 604800000",
    ]
    fewer = lines_of(tmp_path, {**cluster, "MURMUR_TOPIC_PARTITIONS": "1"}, "topics", "apply")
    assert f"left as it is: {prefix}requests: 2 partitions, not 1; a topic cannot shrink" in fewer
    assert len(services.kafka.admin().list_topics(timeout=DEADLINE_S).topics[f"{prefix}requests"].partitions) == 2
    more = lines_of(tmp_path, {**cluster, "MURMUR_TOPIC_PARTITIONS": "3"}, "topics", "apply")
    assert f"more partitions: {prefix}chunks.bulk" in more
    assert f"left as it is: {prefix}requests: 2 partitions, not 3; more would move keys to other partitions" in more


def test_asking_for_more_copies_does_not_close_topics_that_have_one(
    services: Services, cluster: Environment, tmp_path: Path
) -> None:
    """`min.insync.replicas=2` on a topic with one copy would refuse every record, on brokers before 4.0."""
    topic = f"{cluster['MURMUR_TOPIC_PREFIX']}requests"
    lines_of(tmp_path, cluster, "topics", "apply")
    lines = lines_of(tmp_path, {**cluster, "MURMUR_TOPIC_REPLICATION": "3"}, "topics", "apply")
    assert lines[0] == "nothing to do"
    assert configuration(services, topic)["min.insync.replicas"] == "1"
    assert f"left as it is: {topic}: 1 copies, not 3; reassign its partitions" in lines
    refused: list[object] = []
    producer = Producer(services.kafka.client_config(**{"acks": "all", "message.timeout.ms": 60_000}))
    producer.produce(topic, b"taken", on_delivery=lambda error, _: refused.append(error) if error else None)
    assert (producer.flush(DEADLINE_S), refused) == (0, [])


def test_too_few_brokers_for_the_replication_factor_are_an_error(
    services: Services, cluster: Environment, tmp_path: Path
) -> None:
    environment = {**cluster, "MURMUR_TOPIC_REPLICATION": "3"}
    done = Murmur(tmp_path, environment)("topics", "apply")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "replication factor" in done.stderr.lower()


def test_buckets_are_created_once_and_the_rest_is_reported(store: Store, buckets: Environment, tmp_path: Path) -> None:
    names = [buckets[f"MURMUR_{role}_BUCKET"] for role in ("UPLOADS", "WORK", "RESULTS")]
    first, second = (lines_of(tmp_path, buckets, "buckets", "apply") for _ in range(2))
    assert first[:3] == [f"bucket {name}: created" for name in names]
    assert second[:3] == [f"bucket {name}: exists" for name in names]
    topic = f"{buckets['MURMUR_TOPIC_PREFIX']}uploads"
    by_hand = f"by hand: this store's notifications are part of its own configuration: set its Kafka topic to {topic}"
    expected = {
        "minio": [f"notification: {names[0]} sends events to arn:minio:sqs::MURMUR:kafka {word}" for word in ("now", "already")],
        "versitygw": [by_hand, by_hand],
    }
    assert [first[3], second[3]] == expected[store.flavour.name]
    assert all("lifecycle rule" in line for line in [*first[4:], *second[4:]])
    assert len(first) == len(second) > 4


@pytest.mark.parametrize("store", ["minio"], indirect=True)  # versitygw has no notifications of single buckets
def test_a_removed_notification_is_attached_again(buckets: Environment, store: Store, tmp_path: Path) -> None:
    lines_of(tmp_path, buckets, "buckets", "apply")
    client = plain_s3(store.settings())
    uploads = buckets["MURMUR_UPLOADS_BUCKET"]
    client.put_bucket_notification_configuration(Bucket=uploads, NotificationConfiguration={})
    assert lines_of(tmp_path, buckets, "buckets", "apply")[3].endswith("now")
    assert len(client.get_bucket_notification_configuration(Bucket=uploads)["QueueConfigurations"]) == 1
    client.close()
