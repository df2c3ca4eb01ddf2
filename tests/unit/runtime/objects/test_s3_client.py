"""The S3 client: made from the settings, at the first call, with time limits."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.stub import Stubber

from runtime.errors import UsageError
from runtime.objects import open as objects_open
from runtime.objects import s3
from runtime.objects.directory import DirectoryStore
from runtime.objects.s3 import S3Store
from runtime.objects.store import StoreUnavailable, Unfinished
from runtime.settings import Settings
from scripts.services import ports


def settings(**fields: object) -> Settings:
    given = {"s3_endpoint": "http://127.0.0.1:9", "s3_access_key": "key", "s3_secret_key": "secret", **fields}
    return Settings(_env_file=None, **given)  # type: ignore[arg-type]


def test_the_settings_reach_the_client(tmp_path: Path) -> None:
    client = s3.connect(settings(s3_region="eu-north-1", s3_path_style=False))
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:9", "eu-north-1")
    assert client.meta.config.s3 == {"addressing_style": "virtual"}  # type: ignore[attr-defined]
    assert client.meta.config.connect_timeout == s3.CONNECT_TIMEOUT_S  # type: ignore[attr-defined]
    assert client.meta.config.read_timeout == s3.READ_TIMEOUT_S  # type: ignore[attr-defined]
    assert client.meta.config.retries["total_max_attempts"] == s3.ATTEMPTS  # type: ignore[attr-defined]


def test_an_unreachable_store_is_reported_as_unavailable() -> None:
    store = S3Store(settings(s3_endpoint=f"http://127.0.0.1:{ports.free(1)[0]}"))
    with pytest.raises(StoreUnavailable):
        store.head("drops", "a.wav")
    with pytest.raises(StoreUnavailable):
        store.check("drops")
    with pytest.raises(StoreUnavailable):
        list(store.list("drops"))


def test_a_body_that_did_not_arrive_whole_is_sent_once_more() -> None:
    """MinIO was seen to answer so on a busy machine."""
    store, bodies = S3Store(settings()), []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        assert isinstance(request.body, io.BytesIO)
        bodies.append(request.body.read())
        is_whole = len(bodies) == received
        raw: Any = io.BytesIO()
        raw.stream = lambda **_: iter([b"" if is_whole else b"<Error><Code>IncompleteBody</Code></Error>"])
        return AWSResponse(request.url, 200 if is_whole else 400, HTTPHeaders(), raw)

    handler: Any = answer  # its result is the response; the stubs say None
    store.client.meta.events.register("before-send.s3", handler)
    received = 2
    store.put("drops", "a.wav", b"speech")
    assert bodies == [b"speech", b"speech"]

    bodies.clear()
    received = 3
    with pytest.raises(StoreUnavailable):
        store.put("drops", "a.wav", b"speech")
    assert len(bodies) == s3.ATTEMPTS


def test_a_put_that_meets_the_end_of_its_folder_is_tried_again() -> None:
    """MinIO and versitygw were seen to answer so to a put beside the last delete of a folder."""
    store = S3Store(settings())
    with Stubber(store.client) as stub:
        stub.add_client_error("put_object", "AccessDenied", http_status_code=403)
        stub.add_client_error("put_object", "ExistingObjectIsDirectory", http_status_code=409)
        stub.add_response("put_object", {"ETag": '"tag"', "ResponseMetadata": {"HTTPHeaders": {}}})
        assert store.put("drops", "folder/a.wav", b"speech").etag == "tag"
        stub.assert_no_pending_responses()


def test_a_refused_put_is_reported() -> None:
    store = S3Store(settings())
    with Stubber(store.client) as stub:
        for _ in range(s3.FOLDER_RACES + 1):
            stub.add_client_error("put_object", "AccessDenied", http_status_code=403)
        with pytest.raises(StoreUnavailable, match="MURMUR_S3_ACCESS_KEY"):
            store.put("drops", "a.wav", b"speech")


def test_unfinished_uploads_that_this_key_may_not_see_or_abort_stop_no_search() -> None:
    store, one = S3Store(settings()), Unfinished("uploads", "a.wav", "id", datetime.now(UTC))
    with Stubber(store.client) as stub:
        stub.add_client_error("list_multipart_uploads", "AccessDenied", http_status_code=403)
        assert list(store.unfinished("uploads")) == []
        stub.add_client_error("abort_multipart_upload", "AccessDenied", http_status_code=403)
        assert not store.remove_unfinished(one)
        stub.add_client_error("list_multipart_uploads", "SlowDown", http_status_code=503)
        with pytest.raises(StoreUnavailable):
            list(store.unfinished("uploads"))
        stub.add_client_error("abort_multipart_upload", "SlowDown", http_status_code=503)
        with pytest.raises(StoreUnavailable):
            store.remove_unfinished(one)


def test_an_invalid_endpoint_is_reported() -> None:
    with pytest.raises(UsageError, match="MURMUR_S3_ENDPOINT"):
        S3Store(settings(s3_endpoint="store.example:9000/")).check("drops")


def test_the_settings_choose_the_store(tmp_path: Path) -> None:
    assert isinstance(objects_open.from_settings(settings(store="s3")), S3Store)
    directory = objects_open.from_settings(settings(store="directory", store_dir=tmp_path, uploads_bucket="drops"))
    assert isinstance(directory, DirectoryStore)
    (tmp_path / "drops").mkdir()
    directory.put("drops", "a.wav", b"speech")
    assert (tmp_path / "drops" / "a.wav").read_bytes() == b"speech"
