"""Lifecycle rules on real stores: `murmur buckets apply` sets what a store has, beside others' rules, and names what it lacks."""

import re
from typing import Any

from runtime.objects import buckets, keys, lifecycle
from runtime.objects.s3 import S3Store
from runtime.retention import lifecycle_rules
from runtime.settings import Settings
from tests.services.test_buckets import on_minio, on_versitygw

__all__ = ["on_minio", "on_versitygw"]  # fixtures

LACKING = "no lifecycle rule in {} for unfinished uploads: the store does not support it"
THEIRS = (  # as this MinIO returns them: neither boto3 nor the `minio` SDK writes all three back
    "<Rule><ID>theirs</ID><Status>Enabled</Status><Filter><And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
    "<Prefix>logs/</Prefix></And></Filter><Expiration><Days>3</Days></Expiration></Rule>",
    "<Rule><ID>older</ID><Status>Enabled</Status><Prefix>old/</Prefix><Expiration><Days>9</Days></Expiration></Rule>",
    "<Rule><ID>versions</ID><Status>Enabled</Status><Filter><Prefix>v/</Prefix></Filter>"
    "<DelMarkerExpiration><Days>2</Days></DelMarkerExpiration></Rule>",
)


class Lifecycle:
    """The lifecycle configuration of a bucket as XML, past every model of it."""

    def __init__(self, settings: Settings, bucket: str) -> None:
        self._client, self._bucket = S3Store(settings).client, bucket
        self._sent = self._received = b""
        events = self._client.meta.events
        events.register("before-call.s3.PutBucketLifecycleConfiguration", self._send)
        events.register("before-parse.s3.GetBucketLifecycleConfiguration", self._receive)

    def _send(self, params: dict[str, Any], **_: object) -> None:
        params["body"] = self._sent

    def _receive(self, response_dict: dict[str, Any], **_: object) -> None:
        self._received = response_dict["body"]

    def put(self, *rules: str) -> None:
        self._sent = f"<LifecycleConfiguration>{''.join(rules)}</LifecycleConfiguration>".encode()
        self._client.put_bucket_lifecycle_configuration(Bucket=self._bucket, LifecycleConfiguration={"Rules": []})

    def rules(self) -> dict[str, str]:
        """By id; none if there is no configuration."""
        try:
            self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
                raise
            return {}
        found = re.findall(r"<Rule>.*?</Rule>", self._received.decode())
        return {rule.partition("<ID>")[2].partition("</ID>")[0]: rule for rule in found}


def apply(settings: Settings) -> list[str]:
    """As the command does it."""
    buckets.apply(settings)
    return lifecycle.apply(settings, lifecycle_rules(settings))


def test_minio_has_the_rules_for_objects_and_its_lack_of_the_others_is_reported(on_minio: Settings) -> None:
    first, second = apply(on_minio), apply(on_minio)
    work = f"lifecycle rules of {on_minio.work_bucket}"
    ages = "uploads-by-content/ after 1 day, correction-cache/ after 30 days, dead-letters/ after 30 days"
    lacking = [LACKING.format(name) for name in (on_minio.uploads_bucket, on_minio.work_bucket, on_minio.results_bucket)]
    assert first == [lacking[0], f"{work}: set: {ages}, promised-uploads/ after 8 days", *lacking[1:]]
    assert second == [lacking[0], f"{work}: exist: {ages}, promised-uploads/ after 8 days", *lacking[1:]]
    there = Lifecycle(on_minio, on_minio.work_bucket).rules()
    assert set(there) == {
        f"murmur-{name}" for name in ("uploads-by-content", "correction-cache", "dead-letters", "promised-uploads")
    }
    assert "<Prefix>dead-letters/</Prefix></Filter><Expiration><Days>30</Days>" in there["murmur-dead-letters"]


def test_rules_of_others_stay_as_they_are_and_ours_go_with_their_settings(on_minio: Settings) -> None:
    none = dict.fromkeys(("retention_uploads_s", "correction_cache_s", "retention_dead_letters_s"), 0)
    S3Store(on_minio).client.create_bucket(Bucket=on_minio.work_bucket)
    work = Lifecycle(on_minio, on_minio.work_bucket)
    work.put(*THEIRS)
    before = work.rules()
    assert list(before.values()) == list(THEIRS)

    apply(on_minio)
    assert {name: rule for name, rule in work.rules().items() if name in before} == before
    assert len(work.rules()) == len(before) + 4

    apply(on_minio.model_copy(update=none))
    assert work.rules().keys() == {*before, "murmur-correction-cache", "murmur-promised-uploads"}  # of which 0 keeps none
    assert {name: rule for name, rule in work.rules().items() if name in before} == before


def test_a_bucket_with_versions_has_rules_for_the_earlier_ones_beside_those_of_others(on_minio: Settings) -> None:
    client = S3Store(on_minio).client
    client.create_bucket(Bucket=on_minio.work_bucket)
    client.put_bucket_versioning(Bucket=on_minio.work_bucket, VersioningConfiguration={"Status": "Enabled"})
    work = Lifecycle(on_minio, on_minio.work_bucket)
    theirs = (
        *THEIRS,
        "<Rule><ID>noncurrent</ID><Status>Enabled</Status><Filter><Prefix>chunks/</Prefix></Filter><NoncurrentVersionExpiration>"
        "<NoncurrentDays>90</NoncurrentDays><NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>",
    )
    work.put(*theirs)
    first, second = apply(on_minio), apply(on_minio)
    assert f"{LACKING.format(on_minio.work_bucket)}" in first, "MinIO has no rules for multipart uploads, in any bucket"
    assert [
        line
        for line in first
        if ": set: " in line and line.endswith("promised-uploads/ after 8 days, earlier versions after 1 day")
    ]
    assert second == [line.replace(": set: ", ": exist: ") for line in first]
    there = work.rules()
    assert [there[name] for name in ("theirs", "older", "versions", "noncurrent")] == list(theirs)
    assert "<Prefix>chunks/</Prefix>" in there["murmur-earlier-chunks"]
    assert "<NoncurrentDays>1</NoncurrentDays>" in there["murmur-earlier-chunks"]
    assert "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>" in there["murmur-earlier-chunks"]
    assert sum(name.startswith("murmur-earlier-") for name in there) == len(keys.OURS)

    apply(on_minio.model_copy(update={"retention_versions_s": 0}))
    assert not [name for name in work.rules() if name.startswith("murmur-earlier-")]


def test_a_store_without_lifecycle_rules_is_reported(on_versitygw: Settings) -> None:
    names = (on_versitygw.uploads_bucket, on_versitygw.work_bucket, on_versitygw.results_bucket)
    expected = [f"no lifecycle rules in {name}: the store does not support them" for name in names]
    assert apply(on_versitygw) == expected
