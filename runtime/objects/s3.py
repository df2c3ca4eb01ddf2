"""Any S3 store as an object store, through boto3: whole-body and per-part SHA-256, verified by the store.

Used by every stage where `MURMUR_STORE=s3`; `directory.py` is its small sibling.
"""

import base64
import hashlib
import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from runtime.errors import MurmurError, UsageError
from runtime.logs import get_logger
from runtime.objects import s3_leftovers, s3_versions
from runtime.objects.s3_errors import INCOMPLETE, absent_is_fine, has_detail, may_be_its_folder, translated, translated_pages
from runtime.objects.s3_ranges import ObjectRanges, last_modified
from runtime.objects.store import EarlierVersion, FormUpload, ObjectInfo, StoreUnavailable, Unfinished, checked_key
from runtime.settings import Settings
from schemas.record import ObjectRef

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, HeadObjectOutputTypeDef, PutObjectOutputTypeDef

log = get_logger(__name__)
PART_BYTES = 8 * 1024**2  # also the largest body that is sent in one request; S3 wants at least 5 MiB a part
PARTS_OF_A_SIZE = 1000  # then the parts grow, since an upload may have at most 10,000
READ_AHEAD_BYTES = 1024**2
CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 10.0
ATTEMPTS = 2  # the consumer loop retries without limit; a call does not
CONNECTIONS = 32
PAGE_KEYS = 1000  # of a listing; S3's own limit
FOLDER_RACES = 3  # a PUT concurrent with the last deletion of a folder: fails once in a hundred, and the next attempt succeeds


def connect(settings: Settings) -> "S3Client":
    """A boto3 client for these settings: thread-safe, bounded in time and attempts. Raises UsageError."""
    import boto3.session  # takes 0.2 s, which `import runtime.objects` must not cost
    from botocore.config import Config

    secret = settings.s3_secret_key
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        signature_version="s3v4",  # of forms, too, for which botocore would choose an older one
        s3={"addressing_style": "path" if settings.s3_path_style else "virtual"},
        request_checksum_calculation="when_required",  # ours is SHA-256, and older stores reject boto3's CRC
        response_checksum_validation="when_required",
    )
    try:
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=settings.s3_endpoint,
            aws_access_key_id=settings.s3_access_key,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            region_name=settings.s3_region,
            verify=str(settings.s3_ca_file) if settings.s3_ca_file else None,
            config=config,
        )
    except ValueError as error:
        raise UsageError(f"MURMUR_S3_ENDPOINT is not a valid endpoint: {error}") from error
    handler: Any = _delay_if_damaged  # its result counts; the stubs say None
    client.meta.events.register("needs-retry.s3", handler)
    return client


def _delay_if_damaged(response: tuple[object, Mapping[str, Any]] | None, attempts: int, **_: object) -> float | None:
    """In seconds; for botocore, which does not repeat what a busy MinIO refuses as IncompleteBody."""
    is_damaged = response is not None and response[1].get("Error", {}).get("Code") == INCOMPLETE
    return 0.0 if is_damaged and attempts < ATTEMPTS else None


class S3Store:
    """See `store.ObjectStore`. The client is made at the first call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: S3Client | None = None
        self._public: S3Client | None = None  # with the address that clients use

    @property
    def client(self) -> "S3Client":
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = connect(self._settings)
        return self._client

    def put(self, bucket: str, key: str, data: bytes, *, content_type: str | None = None) -> ObjectInfo:
        digest = hashlib.sha256(data)
        body = {"Body": data, "ChecksumSHA256": _base64(digest.digest()), **_typed(content_type)}
        with translated(bucket, key):
            answer = self._put(Bucket=bucket, Key=checked_key(key), **body)
        verified = digest.hexdigest() if answer.get("ChecksumSHA256") == body["ChecksumSHA256"] else None
        return _written(answer, (bucket, key), len(data), content_type, verified)

    def upload(self, bucket: str, key: str, *, content_type: str | None = None) -> "S3Upload":
        return S3Upload(self, bucket, checked_key(key), content_type)

    def get(self, bucket: str, key: str) -> bytes:
        with translated(bucket, key):
            return self.client.get_object(Bucket=bucket, Key=checked_key(key))["Body"].read()

    def open(self, ref: ObjectRef) -> BinaryIO:
        """The first block is read immediately: a missing object or a replaced version raises NotFound here."""
        reader = io.BufferedReader(ObjectRanges(self.client, ref), READ_AHEAD_BYTES)
        reader.peek(1)
        return reader

    def is_unchanged(self, ref: ObjectRef, file: BinaryIO) -> bool:
        """An eTag decides, except where files can be changed past the store (versitygw): there Last-Modified may tell."""
        ranges = getattr(file, "raw", None)
        assert isinstance(ranges, ObjectRanges)
        return bool(ref.version_id or ref.etag) and (ref.change_tag is None or ranges.modified <= {ref.change_tag})

    def head(self, bucket: str, key: str) -> ObjectInfo:
        with translated(bucket, key):
            answer = self._head(Bucket=bucket, Key=checked_key(key))
        whole = answer.get("ChecksumSHA256") if answer.get("ChecksumType") == "FULL_OBJECT" else None
        return ObjectInfo(
            bucket=bucket,
            key=key,
            size_bytes=answer["ContentLength"],
            etag=_etag(answer),
            modified_at=answer["LastModified"],
            version_id=answer.get("VersionId") or None,
            sha256=base64.b64decode(whole).hex() if whole else None,
            content_type=answer.get("ContentType"),
            metadata=answer.get("Metadata", {}),
            change_tag=last_modified(answer),
        )

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        paginator = self.client.get_paginator("list_objects_v2")
        pages = paginator.paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": PAGE_KEYS})
        for page in translated_pages(pages, bucket, prefix):
            for item in page.get("Contents", []):
                yield ObjectInfo(bucket, item["Key"], item["Size"], _etag(item), item["LastModified"])

    def delete(self, bucket: str, key: str) -> None:
        with absent_is_fine(), translated(bucket, key):
            self.client.delete_object(Bucket=bucket, Key=checked_key(key))

    def unfinished(self, bucket: str) -> Iterator[Unfinished]:
        return s3_leftovers.unfinished(self.client, bucket)

    def remove_unfinished(self, which: Unfinished) -> bool:
        return s3_leftovers.remove_unfinished(self.client, which)

    def earlier_versions(self, bucket: str, prefixes: Sequence[str]) -> Iterator[EarlierVersion]:
        return s3_versions.earlier(self.client, bucket, prefixes)

    def remove_version(self, which: EarlierVersion) -> bool:
        return s3_versions.remove(self.client, which)

    def form_upload(self, bucket: str, key: str, max_bytes: int, valid_s: int) -> FormUpload:
        conditions = [["content-length-range", 1, max_bytes]]
        with self._lock:  # its client is made at the first call
            if self._public is None:
                settings, public = self._settings, self._settings.s3_public_endpoint
                self._public = connect(settings.model_copy(update={"s3_endpoint": public or settings.s3_endpoint}))
        form = self._public.generate_presigned_post(bucket, checked_key(key), Conditions=conditions, ExpiresIn=valid_s)
        return FormUpload(form["url"], form["fields"])

    def check(self, bucket: str) -> None:
        """A response to the second attempt does not count: a store that restarts counts as unavailable, since it loses events."""
        with translated(bucket):
            answer = self.client.list_objects_v2(Bucket=bucket, MaxKeys=1)  # HEAD has no body with the reason of an error
        if answer["ResponseMetadata"]["RetryAttempts"]:
            raise StoreUnavailable("the store was unavailable a moment ago")

    def _put(self, **request: Any) -> "PutObjectOutputTypeDef":
        from botocore.exceptions import ClientError

        for _ in range(FOLDER_RACES):
            try:
                return self.client.put_object(**request)
            except ClientError as error:
                if not may_be_its_folder(error):
                    raise
        return self.client.put_object(**request)

    def _head(self, **at: Any) -> "HeadObjectOutputTypeDef":
        from botocore.exceptions import ClientError

        try:
            return self.client.head_object(**at, ChecksumMode="ENABLED")
        except ClientError as error:
            if not has_detail(error):
                self.client.get_object(**at, Range="bytes=0-0")  # raises the same with a reason
            raise


class S3Upload:
    """See `store.Upload`. A small body goes in one request, so the store verifies its SHA-256 as a whole."""

    def __init__(self, store: S3Store, bucket: str, key: str, content_type: str | None) -> None:
        self._store = store
        self._at: dict[str, Any] = {"Bucket": bucket, "Key": key}
        self._content_type = content_type
        self._buffer = bytearray()
        self._parts: list[CompletedPartTypeDef] = []
        self._size_bytes = 0
        self._upload_id: str | None = None

    def write(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) > (part_bytes := PART_BYTES * (1 + len(self._parts) // PARTS_OF_A_SIZE)):
            self._send(bytes(memoryview(self._buffer)[:part_bytes]))
            del self._buffer[:part_bytes]

    def complete(self) -> ObjectInfo:
        bucket, key = self._at["Bucket"], self._at["Key"]
        if self._upload_id is None:
            return self._store.put(bucket, key, bytes(self._buffer), content_type=self._content_type)
        self._send(bytes(self._buffer))
        with translated(bucket, key):
            answer = self._store.client.complete_multipart_upload(
                **self._at, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
            )
        self._upload_id = None
        return _written(answer, (bucket, key), self._size_bytes, self._content_type)

    def abort(self) -> None:
        """While the store is unavailable its parts remain, until the retention stage or the store itself removes them."""
        self._buffer.clear()
        upload_id, self._upload_id = self._upload_id, None
        if upload_id is None:
            return
        try:
            with absent_is_fine(), translated(self._at["Bucket"], self._at["Key"]):
                self._store.client.abort_multipart_upload(**self._at, UploadId=upload_id)
        except MurmurError as error:
            log.warning("upload.orphaned", bucket=self._at["Bucket"], object=self._at["Key"], error=error)

    def _send(self, part: bytes) -> None:
        with translated(self._at["Bucket"], self._at["Key"]):
            if self._upload_id is None:
                begun = self._store.client.create_multipart_upload(
                    **self._at, ChecksumAlgorithm="SHA256", **_typed(self._content_type)
                )
                self._upload_id = begun["UploadId"]
            number, digest = len(self._parts) + 1, _base64(hashlib.sha256(part).digest())
            answer = self._store.client.upload_part(
                **self._at, UploadId=self._upload_id, PartNumber=number, Body=part, ChecksumSHA256=digest
            )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest})
        self._size_bytes += len(part)


def _typed(content_type: str | None) -> dict[str, Any]:
    return {"ContentType": content_type} if content_type else {}


def _etag(answer: Any) -> str:
    """Without quotes. Empty for a file that was written directly into versitygw's folder."""
    return str(answer.get("ETag", "")).strip('"')


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _written(
    answer: Any, at: tuple[str, str], size_bytes: int, content_type: str | None, sha256: str | None = None
) -> ObjectInfo:
    """The facts in the response to a write. Its `Date` is the store's clock; no second request for the object's own time."""
    at_store = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return ObjectInfo(
        bucket=at[0],
        key=at[1],
        size_bytes=size_bytes,
        etag=_etag(answer),
        modified_at=parsedate_to_datetime(at_store) if at_store else datetime.now(UTC),
        version_id=answer.get("VersionId") or None,
        sha256=sha256,
        content_type=content_type,
    )
