"""Earlier versions of objects in S3 buckets that keep them, and the delete markers that are left of deleted ones. For `s3.py` and
`lifecycle.py`.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from runtime.logs import get_logger
from runtime.objects.s3_errors import absent_is_fine, is_denied, translated, translated_pages
from runtime.objects.store import EarlierVersion, NotFound, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef

log = get_logger(__name__)
REPLACEABLE = "null"  # the id of each version, and of each delete marker, that is written while versioning is suspended


class _Version(NamedTuple):
    """`size_bytes`: None of a delete marker."""

    key: str
    version_id: str
    is_latest: bool
    written_at: datetime
    size_bytes: int | None


def is_versioned(client: "S3Client", bucket: str) -> bool:
    """Or it was. Also True where this access key may not ask: then the next request says what it may. Raises StoreUnavailable."""
    from botocore.exceptions import ClientError

    try:
        with translated(bucket):
            return "Status" in client.get_bucket_versioning(Bucket=bucket)
    except ClientError:
        return False  # there is no such API
    except StoreUnavailable as error:
        if not is_denied(error):
            raise
        return True


def earlier(client: "S3Client", bucket: str, prefixes: Iterable[str]) -> Iterator[EarlierVersion]:
    """See `store.ObjectStore`. None of a bucket whose versions this access key may not list."""
    if not is_versioned(client, bucket):
        return
    try:
        for prefix in prefixes:
            for _key, versions in groupby(_listed(client, bucket, prefix), key=lambda version: version.key):
                yield from _earlier(bucket, list(versions))
    except StoreUnavailable as error:
        if not is_denied(error):
            raise
        log.warning("versions.unlisted", bucket=bucket, error=error)


def _earlier(bucket: str, versions: list[_Version]) -> Iterator[EarlierVersion]:
    """Of one key, the newest first. A delete marker counts only if it is the last that is left: without it an earlier version
    would be the object again."""
    newest = versions[0]
    if len(versions) == 1 and newest.size_bytes is None:
        yield EarlierVersion(bucket, newest.key, newest.version_id, newest.written_at)
    for newer, each in pairwise(versions):
        if not each.is_latest:
            yield EarlierVersion(bucket, each.key, each.version_id, newer.written_at, each.size_bytes or 0)


def _listed(client: "S3Client", bucket: str, prefix: str) -> Iterator[_Version]:
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in translated_pages(pages, bucket, prefix):
        yield from sorted(_of_page(page), key=lambda each: (each.key, not each.is_latest, -each.written_at.timestamp()))


def _of_page(page: "ListObjectVersionsOutputTypeDef") -> Iterator[_Version]:
    """Versions and delete markers are two lists, each in the order of keys."""
    for each in page.get("Versions", []):
        yield _Version(each["Key"], each["VersionId"], each["IsLatest"], each["LastModified"], each["Size"])
    for marker in page.get("DeleteMarkers", []):
        yield _Version(marker["Key"], marker["VersionId"], marker["IsLatest"], marker["LastModified"], None)


def remove(client: "S3Client", which: EarlierVersion) -> bool:
    """See `store.ObjectStore`."""
    try:
        if which.version_id == REPLACEABLE and _is_current(client, which):
            return False
        with absent_is_fine(), translated(which.bucket, which.key):
            client.delete_object(Bucket=which.bucket, Key=which.key, VersionId=which.version_id)
    except StoreUnavailable as error:
        if not is_denied(error):
            raise
        return False
    return True


def _is_current(client: "S3Client", which: EarlierVersion) -> bool:
    """Whether the object was written again since the listing, under the same id."""
    try:
        with translated(which.bucket, which.key):
            return client.head_object(Bucket=which.bucket, Key=which.key).get("VersionId", REPLACEABLE) == REPLACEABLE
    except NotFound:
        return False
