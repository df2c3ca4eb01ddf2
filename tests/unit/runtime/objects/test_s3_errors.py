"""What stores say, in murmur's words: the answers are those that MinIO, versitygw and AWS gave."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from runtime.errors import Retry, UsageError
from runtime.objects.s3_errors import absent_is_fine, has_detail, translated
from runtime.objects.store import BadKey, NotFound, StoreUnavailable


def answer(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("NoSuchKey", 404, NotFound),
        ("NoSuchBucket", 404, NotFound),
        ("404", 404, NotFound),
        ("PreconditionFailed", 412, NotFound),
        ("412", 412, NotFound),
        ("SlowDown", 503, StoreUnavailable),
        ("InternalError", 500, StoreUnavailable),
        ("TooManyRequests", 429, StoreUnavailable),
        ("BadDigest", 400, StoreUnavailable),
        ("XAmzContentChecksumMismatch", 400, StoreUnavailable),
        ("NoSuchUpload", 404, StoreUnavailable),
        ("InvalidPart", 400, StoreUnavailable),
        ("XAdminUserNotFound", 404, StoreUnavailable),
        ("403", 403, StoreUnavailable),
        ("KeyTooLongError", 400, BadKey),
        ("XMinioInvalidObjectName", 400, BadKey),
        ("ObjectParentIsFile", 409, BadKey),
        ("ExistingObjectIsDirectory", 409, BadKey),
    ],
)
def test_an_answer_has_one_meaning(code: str, status: int, meaning: type[Exception]) -> None:
    with pytest.raises(meaning), translated("drops", "a.wav"):
        raise answer(code, status)


@pytest.mark.parametrize(
    ("code", "status"), [("NotImplemented", 501), ("AuthorizationHeaderMalformed", 400), ("InvalidArgument", 400)]
)
def test_an_unexpected_response_is_shown_as_it_is(code: str, status: int) -> None:
    with pytest.raises(ClientError), translated("drops", "a.wav"):
        raise answer(code, status)


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="http://store"), ReadTimeoutError(endpoint_url="http://store")]
)
def test_a_store_that_does_not_answer_is_worth_another_try(error: Exception) -> None:
    with pytest.raises(Retry), translated("drops"):
        raise error


def test_refused_credentials_are_named_as_such() -> None:
    with pytest.raises(StoreUnavailable, match="MURMUR_S3_ACCESS_KEY"), translated("drops"):
        raise answer("SignatureDoesNotMatch", 403)
    with pytest.raises(UsageError, match="MURMUR_S3_SECRET_KEY"), translated("drops"):
        raise NoCredentialsError


def test_deleting_forgives_a_missing_object_but_not_a_missing_bucket() -> None:
    with absent_is_fine(), translated("drops", "a.wav"):
        raise answer("NoSuchKey", 404)
    with pytest.raises(NotFound), absent_is_fine(), translated("drops", "a.wav"):
        raise answer("NoSuchBucket", 404)


def test_a_400_without_a_body_has_no_detail() -> None:
    assert not has_detail(answer("400", 400))
    assert has_detail(answer("404", 404))
