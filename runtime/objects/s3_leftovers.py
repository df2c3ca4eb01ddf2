"""What an S3 store keeps beside its objects: multipart uploads that were not completed. For `s3.py`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from runtime.logs import get_logger
from runtime.objects.s3_errors import absent_is_fine, is_denied, is_gone, translated, translated_pages
from runtime.objects.store import NotFound, StoreUnavailable, Unfinished

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import MultipartUploadTypeDef

log = get_logger(__name__)


def unfinished(client: "S3Client", bucket: str) -> Iterator[Unfinished]:
    """None of a store that does not list multipart uploads, at all or to this access key."""
    from botocore.exceptions import ClientError

    pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
    try:
        for page in translated_pages(pages, bucket):
            for each in page.get("Uploads", []):
                if (found := _with_parts(client, bucket, each)) is not None:
                    yield found
    except ClientError:
        return
    except StoreUnavailable as error:
        if not is_denied(error):
            raise
        log.warning("uploads.unlisted", bucket=bucket, error=error)


def _with_parts(client: "S3Client", bucket: str, upload: "MultipartUploadTypeDef") -> Unfinished | None:
    """With the size of its parts, and as old as the last of them. A store that does not list parts says neither: then it is as
    old as its begin. None: the upload was completed or aborted."""
    from botocore.exceptions import ClientError

    key, upload_id = upload["Key"], upload["UploadId"]
    size_bytes, written_at = 0, upload["Initiated"]
    try:
        with translated(bucket, key):
            for page in client.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload_id):
                for part in page.get("Parts", []):
                    size_bytes += part["Size"]
                    written_at = max(written_at, part["LastModified"])
    except NotFound:
        return None
    except ClientError:
        pass
    except StoreUnavailable as error:
        if is_gone(error):
            return None
        if not is_denied(error):
            raise
    return Unfinished(bucket, key, upload_id, written_at, size_bytes)


def remove_unfinished(client: "S3Client", which: Unfinished) -> bool:
    """See `store.ObjectStore`."""
    try:
        with absent_is_fine(), translated(which.bucket, which.key):
            client.abort_multipart_upload(Bucket=which.bucket, Key=which.key, UploadId=which.handle)
            return True
    except StoreUnavailable as error:
        if not (is_denied(error) or is_gone(error)):
            raise
    return False
