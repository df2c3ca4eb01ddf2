"""Earlier versions in a listing of an S3 store: since when, which delete markers count, and what a store refuses."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from structlog.typing import EventDict

from runtime.objects.s3 import S3Store
from runtime.objects.store import EarlierVersion, StoreUnavailable
from runtime.settings import Settings

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ONE = EarlierVersion("work", "a", "v1", NOW, 5)


@pytest.fixture
def store() -> S3Store:
    return S3Store(Settings(_env_file=None, s3_endpoint="http://store.invalid", s3_access_key="a", s3_secret_key="b"))


@pytest.fixture
def stub(store: S3Store) -> Iterator[Stubber]:
    with Stubber(store.client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def version(key: str, number: int, hours_ago: float, *, latest: bool = False, size: int | None = 5) -> dict[str, Any]:
    """`size`: None of a delete marker."""
    written_at = NOW - timedelta(hours=hours_ago)
    found = {"Key": key, "VersionId": f"v{number}", "IsLatest": latest, "LastModified": written_at}
    return found if size is None else found | {"Size": size}


def answers(stub: Stubber, *pages: tuple[list[dict[str, Any]], list[dict[str, Any]]], status: str = "Enabled") -> None:
    stub.add_response("get_bucket_versioning", {"Status": status})
    for number, (versions, markers) in enumerate(pages, 1):
        more = {"IsTruncated": number < len(pages), "NextKeyMarker": "a", "NextVersionIdMarker": "v"}
        stub.add_response("list_object_versions", {"Versions": versions, "DeleteMarkers": markers, **more})


def earlier(store: S3Store) -> list[tuple[str, str, float, int]]:
    """Key, version, hours since it was replaced, and size."""
    found = store.earlier_versions("work", ["a"])
    return [(each.key, each.version_id, (NOW - each.replaced_at).total_seconds() / 3600, each.size_bytes) for each in found]


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_a_version_is_earlier_since_the_next_one_was_written(store: S3Store, stub: Stubber, status: str) -> None:
    answers(stub, ([version("a", 3, 1, latest=True), version("a", 2, 40), version("a", 1, 90)], []), status=status)
    assert earlier(store) == [("a", "v2", 1, 5), ("a", "v1", 40, 5)]


def test_what_a_delete_marker_hides_is_earlier_since_the_deletion_and_the_marker_counts_when_it_is_alone(
    store: S3Store, stub: Stubber
) -> None:
    versions = [version("a", 1, 90), version("c", 1, 90)]
    markers = [version("a", 2, 30, latest=True, size=None), version("b", 9, 20, latest=True, size=None)]
    answers(stub, (versions, [*markers, version("c", 2, 10, latest=True, size=None)]))
    assert earlier(store) == [("a", "v1", 30, 5), ("b", "v9", 20, 0), ("c", "v1", 10, 5)]


def test_a_marker_that_was_replaced_is_an_earlier_version(store: S3Store, stub: Stubber) -> None:
    answers(stub, ([version("a", 3, 1, latest=True), version("a", 1, 90)], [version("a", 2, 30, size=None)]))
    assert earlier(store) == [("a", "v2", 1, 0), ("a", "v1", 30, 5)]


def test_versions_of_one_second_are_told_apart_by_the_latest(store: S3Store, stub: Stubber) -> None:
    answers(stub, ([version("a", 1, 7), version("a", 2, 7, latest=True)], []))
    assert earlier(store) == [("a", "v1", 7, 5)]


def test_the_versions_of_a_key_may_continue_on_the_next_page(store: S3Store, stub: Stubber) -> None:
    answers(stub, ([], [version("a", 2, 30, latest=True, size=None)]), ([version("a", 1, 90)], []))
    assert earlier(store) == [("a", "v1", 30, 5)]


def test_a_bucket_without_versions_is_not_listed(store: S3Store, stub: Stubber) -> None:
    stub.add_response("get_bucket_versioning", {})
    assert earlier(store) == []


def test_a_store_without_such_an_api_has_none(store: S3Store, stub: Stubber) -> None:
    stub.add_client_error("get_bucket_versioning", "NotImplemented", http_status_code=501)
    assert earlier(store) == []


def test_an_access_key_that_may_not_list_versions_is_reported(store: S3Store, stub: Stubber, logged: list[EventDict]) -> None:
    for call in ("get_bucket_versioning", "list_object_versions"):
        stub.add_client_error(call, "AccessDenied", http_status_code=403)
    assert earlier(store) == []
    assert [(line["event"], line["bucket"]) for line in logged] == [("versions.unlisted", "work")]


def test_a_version_that_may_not_be_removed_stays(store: S3Store, stub: Stubber) -> None:
    stub.add_client_error("delete_object", "AccessDenied", http_status_code=403)
    stub.add_response("delete_object", {}, {"Bucket": "work", "Key": "a", "VersionId": "v1"})
    assert [store.remove_version(ONE), store.remove_version(ONE)] == [False, True]


def test_a_store_that_is_unavailable_has_not_refused(store: S3Store, stub: Stubber) -> None:
    for call in ("get_bucket_versioning", "delete_object"):
        stub.add_client_error(call, "SlowDown", http_status_code=503)
    with pytest.raises(StoreUnavailable):
        earlier(store)
    with pytest.raises(StoreUnavailable):
        store.remove_version(ONE)


@pytest.mark.parametrize("current", [{"VersionId": "null"}, {}], ids=["suspended", "a store that does not state it"])
def test_what_was_written_again_under_the_id_of_its_delete_marker_stays(
    store: S3Store, stub: Stubber, current: dict[str, str]
) -> None:
    """While versioning is suspended, a marker and the object that replaces it have the same id."""
    stub.add_response("head_object", current, {"Bucket": "work", "Key": "a"})
    assert not store.remove_version(replace(ONE, version_id="null"))


def test_a_version_without_an_id_of_its_own_goes_when_the_object_is_another_or_gone(store: S3Store, stub: Stubber) -> None:
    stub.add_response("head_object", {"VersionId": "v2"})
    stub.add_response("delete_object", {}, {"Bucket": "work", "Key": "a", "VersionId": "null"})
    stub.add_client_error("head_object", "404", http_status_code=404)
    stub.add_response("delete_object", {}, {"Bucket": "work", "Key": "a", "VersionId": "null"})
    assert [store.remove_version(replace(ONE, version_id="null")) for _ in range(2)] == [True, True]
