"""The three buckets and the uploads bucket's notification: `murmur buckets apply`.

Safe to repeat. Says what it cannot do: some stores announce by their own configuration, or not at all.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime.errors import UsageError
from runtime.objects.s3 import connect
from runtime.objects.s3_errors import translated
from runtime.objects.store import NotFound
from runtime.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CREATED = "s3:ObjectCreated:*"
CONFIG_ID = "murmur"
TARGET_WAIT_S = 20.0  # MinIO answers before its targets are connected
TARGET_RETRY_S = 0.25


@dataclass(frozen=True, slots=True)
class Report:
    """What was created and what existed. `by_hand`: what the store does not support by API."""

    created: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    notification: str = ""
    by_hand: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For the terminal."""
        found = [f"bucket {name}: created" for name in self.created] + [f"bucket {name}: exists" for name in self.present]
        found += [f"notification: {self.notification}"] if self.notification else []
        return found + [f"by hand: {what}" for what in self.by_hand]


def apply(settings: Settings) -> Report:
    """Creates what is missing. Blocks; raises StoreUnavailable or UsageError."""
    names = dict.fromkeys((settings.uploads_bucket, settings.work_bucket, settings.results_bucket))
    if settings.store == "directory":
        return _apply_directory(settings, tuple(names))
    client = connect(settings)
    created = tuple(name for name in names if _create(client, name, settings.s3_region))
    present = tuple(name for name in names if name not in created)
    notification, by_hand = _notify(client, settings)
    return Report(created, present, notification, by_hand)


def _apply_directory(settings: Settings, names: tuple[str, ...]) -> Report:
    created = tuple(name for name in names if not (settings.store_dir / name).is_dir())
    for name in created:
        (settings.store_dir / name).mkdir(parents=True)
    present = tuple(name for name in names if name not in created)
    return Report(created, present, "not needed, the watcher observes the folder")


def _create(client: "S3Client", name: str, region: str) -> bool:
    """False: it exists already."""
    from botocore.exceptions import ClientError

    try:
        with translated(name):
            client.list_objects_v2(Bucket=name, MaxKeys=1)  # HEAD has no body with the reason of an error
            return False
    except NotFound:
        pass  # so it is created now
    place: dict[str, Any] = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        with translated(name):
            client.create_bucket(Bucket=name, **place)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "BucketAlreadyOwnedByYou":  # created concurrently
            return False
        raise UsageError(f"the store does not create the bucket {name!r}: {code}") from error
    return True


def _notify(client: "S3Client", settings: Settings) -> tuple[str, tuple[str, ...]]:
    """Attaches the notification, and keeps others. Returns the result, and what remains to be done by hand."""
    from botocore.exceptions import ClientError

    bucket, arn = settings.uploads_bucket, settings.s3_notification_arn
    if arn == "none":
        return "none attached, because MURMUR_S3_NOTIFICATION_ARN is `none`", ()
    topic = f"{settings.topic_prefix}uploads"
    until = time.monotonic() + TARGET_WAIT_S
    while True:
        try:
            with translated(bucket):
                return _attach(client, bucket, arn), ()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NotImplemented":
                return "", (f"this store's notifications are part of its own configuration: set its Kafka topic to {topic}",)
            if code != "InvalidArgument":
                raise UsageError(f"the store rejects the notification of {bucket!r}: {code}") from error
            if time.monotonic() > until:
                return "", (
                    f"the store has no target {arn}: configure one for the topic {topic}, or forward its events to that topic",
                )
            time.sleep(TARGET_RETRY_S)


def _attach(client: "S3Client", bucket: str, arn: str) -> str:
    current: Mapping[str, Any] = client.get_bucket_notification_configuration(Bucket=bucket)
    queues = current.get("QueueConfigurations", [])
    for queue in queues:
        if queue["QueueArn"] == arn and CREATED in queue["Events"]:
            only = " (only for some keys: it has a filter)" if queue.get("Filter", {}).get("Key", {}).get("FilterRules") else ""
            return f"{bucket} sends events to {arn} already{only}"
    kept = {
        name: value for name, value in current.items() if name.endswith("Configurations") or name == "EventBridgeConfiguration"
    }
    others = [queue for queue in queues if queue.get("Id") != CONFIG_ID]
    kept["QueueConfigurations"] = [*others, {"Id": CONFIG_ID, "QueueArn": arn, "Events": [CREATED]}]
    client.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=kept)  # type: ignore[arg-type]
    return f"{bucket} sends events to {arn} now"
