"""Translates S3 errors to NotFound, StoreUnavailable and BadKey, and to UsageError for a wrong configuration.

Used by `s3.py` and its parts, `buckets.py` and `lifecycle.py`. The codes are those of AWS, MinIO and versitygw.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from runtime.errors import MurmurError, UsageError
from runtime.objects.store import BadKey, NotFound, Replaced, StoreFull, StoreUnavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

Page = TypeVar("Page")
NOT_FOUND = frozenset({"NoSuchKey", "NoSuchBucket", "NoSuchVersion", "NotFound", "404"})
REPLACED = frozenset({"PreconditionFailed", "412"})
DENIED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
UNKNOWN_KEY = "XAdminUserNotFound"  # versitygw's code for an unknown access key, with status 404
# versitygw: there are keys below this one, or their folder is just being removed.
TAKEN_BY_FOLDER = "ExistingObjectIsDirectory"
# MinIO's code for that, once in thousands of requests; also for really missing permissions, which then persist.
LOST_ITS_FOLDER = "AccessDenied"
NO_SUCH_UPLOAD = "NoSuchUpload"
INCOMPLETE = "IncompleteBody"
# Status 4xx, but not because of the key: the request arrived damaged or late, or overlapped with another.
TRANSIENT = frozenset(
    {
        "BadDigest",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
        INCOMPLETE,
        "RequestTimeout",
        "RequestTimeTooSkewed",
        "ExpiredToken",
        NO_SUCH_UPLOAD,
        "InvalidPart",
        "OperationAborted",
        "ConditionalRequestConflict",
        "SlowDown",
    }
)
STORE_FULL = "XMinioStorageFull"
KEY_REFUSED = frozenset(
    {
        "KeyTooLongError",
        "InvalidURI",
        "XMinioInvalidObjectName",
        "XMinioInvalidResourceName",
        "DirectoryObjectContainsData",  # versitygw: a key that ends in `/`, with content
        "ObjectParentIsFile",  # versitygw: a key below an object's
        TAKEN_BY_FOLDER,
    }
)
NO_BODY = frozenset({"400", "Bad Request"})  # HEAD's code for any invalid request: it has no body with details


@contextmanager
def translated(bucket: str, key: str = "") -> Iterator[None]:
    """Raises boto3's errors as murmur's. An unknown response remains as it is: a bug."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError, SSLError

    try:
        yield
    except ClientError as error:
        meaning = _meaning(error, bucket, key)
        if meaning is None:
            raise
        raise meaning from error
    except ParamValidationError as error:
        raise UsageError(f"invalid settings of the store: {error}") from error
    except NoCredentialsError as error:
        raise UsageError("no credentials for the store: set MURMUR_S3_ACCESS_KEY and MURMUR_S3_SECRET_KEY") from error
    except SSLError as error:
        raise StoreUnavailable(
            f"TLS with the store failed; check MURMUR_S3_CA_FILE and MURMUR_S3_ENDPOINT: {error}", 5.0
        ) from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"the store is unavailable: {error}") from error


def translated_pages(pages: Iterable[Page], bucket: str, prefix: str = "") -> Iterator[Page]:
    """Of one of boto3's paginators: each page is requested when it is needed."""
    requested = iter(pages)
    while True:
        with translated(bucket, prefix):
            page = next(requested, None)
        if page is None:
            return
        yield page


@contextmanager
def absent_is_fine() -> Iterator[None]:
    """For deletions: a missing object is not an error. A missing bucket is."""
    try:
        yield
    except NotFound as error:
        if error.__cause__ is not None and code_of(error.__cause__) == "NoSuchBucket":
            raise


@contextmanager
def beyond_the_end() -> Iterator[None]:
    """For reading: the range begins where the object ends, so there is nothing to read."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if status_of(error) != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise


def _meaning(error: "ClientError", bucket: str, key: str) -> Exception | None:
    code, status = code_of(error), status_of(error)
    what = f"{bucket}/{key}" if key else bucket
    if code in REPLACED:
        return Replaced(f"{what}: replaced in the meantime")
    if code in NOT_FOUND:
        return NotFound(f"{what}: not there")
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return None
    if code == STORE_FULL or status == HTTPStatus.INSUFFICIENT_STORAGE:
        return StoreFull(f"the store has no space for {what}: {code}", 5.0)
    if code in TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return StoreUnavailable(f"the store is unavailable for {what}: {code}")
    if status in DENIED or code == UNKNOWN_KEY:
        return StoreUnavailable(f"the store rejects the credentials for {what}: {code}; check MURMUR_S3_ACCESS_KEY", 5.0)
    if code in KEY_REFUSED:
        return BadKey(key, f"the store rejects it: {code}")
    return None


def is_denied(error: MurmurError) -> bool:
    """The store has answered: it does not permit this request with this key."""
    return error.__cause__ is not None and status_of(error.__cause__) in DENIED


def is_gone(error: MurmurError) -> bool:
    """Of a multipart upload: it was completed or aborted. For who writes it that is worth another attempt with a new one."""
    return error.__cause__ is not None and code_of(error.__cause__) == NO_SUCH_UPLOAD


def may_be_its_folder(error: "ClientError") -> bool:
    """For a PUT: its folder is just being removed with the last object, or created."""
    return code_of(error) in (TAKEN_BY_FOLDER, LOST_ITS_FOLDER)


def has_detail(error: "ClientError") -> bool:
    """False: a bare "bad request", which only a GET of the same object explains."""
    return code_of(error) not in NO_BODY


def code_of(error: BaseException) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def status_of(error: BaseException) -> int:
    return int(getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
