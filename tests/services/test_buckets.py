"""`murmur buckets apply` on real stores: made once, attached once, beside what others attached, and honest about the rest."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from runtime.objects import buckets
from runtime.objects.s3 import S3Store
from runtime.settings import Settings
from scripts.services.store import Store
from scripts.services.supervisor import Services

ARN = "arn:minio:sqs::MURMUR:kafka"


def three(store: Store) -> Iterator[Settings]:
    """Settings with three buckets that are not there yet; they go afterwards."""
    roles = ("uploads_bucket", "work_bucket", "results_bucket")
    settings = store.settings().model_copy(update={role: f"{role[:4]}-{uuid.uuid4().hex}" for role in roles})
    yield settings
    client = S3Store(settings).client
    for role in roles:
        client.delete_bucket(Bucket=getattr(settings, role))


@pytest.fixture
def on_minio(services: Services) -> Iterator[Settings]:
    yield from three(services.minio)


@pytest.fixture
def on_versitygw(services: Services) -> Iterator[Settings]:
    yield from three(services.versitygw)


def queues(settings: Settings) -> list[Any]:
    found = S3Store(settings).client.get_bucket_notification_configuration(Bucket=settings.uploads_bucket)
    return list(found.get("QueueConfigurations", []))


def test_buckets_and_notification_are_made_once(on_minio: Settings) -> None:
    first, second = buckets.apply(on_minio), buckets.apply(on_minio)
    assert first.created == second.present == (on_minio.uploads_bucket, on_minio.work_bucket, on_minio.results_bucket)
    assert first.by_hand == second.by_hand == second.created == ()
    assert first.notification.endswith("now")
    assert second.notification.endswith("already")
    assert [(queue["QueueArn"], queue["Events"]) for queue in queues(on_minio)] == [(ARN, [buckets.CREATED])]


def test_what_others_attached_stays(on_minio: Settings) -> None:
    client = S3Store(on_minio).client
    client.create_bucket(Bucket=on_minio.uploads_bucket)
    theirs: Any = {"Id": "theirs", "QueueArn": ARN, "Events": ["s3:ObjectRemoved:*"]}
    client.put_bucket_notification_configuration(
        Bucket=on_minio.uploads_bucket, NotificationConfiguration={"QueueConfigurations": [theirs]}
    )
    buckets.apply(on_minio)
    assert sorted((queue["Id"], tuple(queue["Events"])) for queue in queues(on_minio)) == [
        ("murmur", (buckets.CREATED,)),
        ("theirs", ("s3:ObjectRemoved:*",)),
    ]


def test_a_filter_that_an_operator_set_is_kept_and_mentioned(on_minio: Settings) -> None:
    client = S3Store(on_minio).client
    client.create_bucket(Bucket=on_minio.uploads_bucket)
    only_wav: Any = {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".wav"}]}}
    theirs: Any = {"Id": "wav", "QueueArn": ARN, "Events": [buckets.CREATED], "Filter": only_wav}
    client.put_bucket_notification_configuration(
        Bucket=on_minio.uploads_bucket, NotificationConfiguration={"QueueConfigurations": [theirs]}
    )
    assert "filter" in buckets.apply(on_minio).notification
    assert [queue["Id"] for queue in queues(on_minio)] == ["wav"]


def test_an_unknown_notification_target_is_reported(on_minio: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "TARGET_WAIT_S", 0.5)
    report = buckets.apply(on_minio.model_copy(update={"s3_notification_arn": "arn:minio:sqs::OTHER:kafka"}))
    assert report.notification == ""
    (line,) = report.by_hand
    assert "arn:minio:sqs::OTHER:kafka" in line
    assert f"{on_minio.topic_prefix}uploads" in line


def test_nothing_is_attached_if_the_settings_disable_it(on_minio: Settings) -> None:
    report = buckets.apply(on_minio.model_copy(update={"s3_notification_arn": "none"}))
    assert report.by_hand == ()
    assert queues(on_minio) == []


def test_a_store_that_is_configured_to_announce_is_reported(on_versitygw: Settings) -> None:
    first, second = buckets.apply(on_versitygw), buckets.apply(on_versitygw)
    assert len(first.created) == len(second.present) == 3
    (line,) = first.by_hand
    assert f"{on_versitygw.topic_prefix}uploads" in line
