"""Lifecycle rules, and what is written to a store that has all of them. On real stores: tests/services/test_lifecycle.py."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from runtime.objects import keys
from runtime.objects.lifecycle import Rule, apply_to
from runtime.objects.s3 import connect
from runtime.objects.store import StoreUnavailable
from runtime.retention import lifecycle_rules
from runtime.setting_types import DAY_S
from runtime.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
SETTINGS = Settings(_env_file=None, store="s3", s3_endpoint="http://store.invalid", s3_access_key="a", s3_secret_key="b")
WORK = [
    Rule(1, "uploads-by-content/"),
    Rule(30, "correction-cache/"),
    Rule(30, "dead-letters/"),
    Rule(8, "promised-uploads/"),
    Rule(1, versions_of=keys.OURS),
    Rule(1),
]
THEIRS = (
    "<Rule><ID>theirs</ID><Status>Enabled</Status><Filter><And><Prefix>logs/</Prefix>"
    "<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter>"
    "<Expiration><Days>3</Days><ExpiredObjectAllVersions>true</ExpiredObjectAllVersions></Expiration></Rule>"
    "<Rule><ID>older</ID><Status>Enabled</Status><Prefix>old/</Prefix><Expiration><Days>9</Days></Expiration></Rule>"
)


class FakeStore:
    """Answers the requests of one boto3 client, as AWS does. `status`: that of every answer, with the code `code`. `versioned`:
    buckets with versions."""

    def __init__(self) -> None:
        self.versioned: set[str] = set()
        self.rules: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.status, self.code = 200, ""

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        url = urlsplit(request.url)
        bucket, method = url.path.strip("/"), str(request.method)
        self.requests.append((method, bucket))
        if self.code:
            return self._answer(request, self.status, f"<Error><Code>{self.code}</Code></Error>".encode())
        if url.query == "versioning":
            status = "<Status>Enabled</Status>" if bucket in self.versioned else ""
            return self._answer(request, 200, f"<VersioningConfiguration>{status}</VersioningConfiguration>".encode())
        if method == "PUT":
            assert isinstance(request.body, bytes)
            self.rules[bucket] = request.body
        elif method == "DELETE":
            del self.rules[bucket]
        elif bucket not in self.rules:
            return self._answer(request, 404, b"<Error><Code>NoSuchLifecycleConfiguration</Code></Error>")
        return self._answer(request, 200, self.rules.get(bucket, b"") if method == "GET" else b"")

    def put(self, bucket: str, rules: str) -> None:
        self.rules[bucket] = f'<LifecycleConfiguration xmlns="{NAMESPACE}">{rules}</LifecycleConfiguration>'.encode()

    def ids(self, bucket: str) -> list[str | None]:
        return [rule.findtext(f"{{{NAMESPACE}}}ID") for rule in ElementTree.fromstring(self.rules[bucket])]

    @staticmethod
    def _answer(request: AWSPreparedRequest, status: int, body: bytes) -> AWSResponse:
        raw: Any = io.BytesIO(body)
        raw.stream = lambda **_: iter([body])
        return AWSResponse(request.url, status, HTTPHeaders(), raw)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def client(store: FakeStore) -> Iterator["S3Client"]:
    made = connect(SETTINGS)
    answer: Any = store  # its result is the response; the stubs say None
    made.meta.events.register("before-send.s3", answer)
    yield made
    made.close()


def apply(client: "S3Client", **settings: int) -> list[str]:
    wanted = lifecycle_rules(SETTINGS.model_copy(update=settings))
    return [line for bucket, rules in wanted.items() for line in apply_to(client, bucket, rules)]


def ids(rules: list[Rule], *, versions: bool = False) -> list[str]:
    """Of these rules; those about versions only if asked for."""
    return [each["ID"] for rule in rules if versions or not rule.versions_of for each in rule.documents()]


def test_what_has_an_age_alone_has_a_rule_and_unfinished_uploads_have_one_in_each_bucket() -> None:
    assert lifecycle_rules(SETTINGS) == {"uploads": [Rule(1)], "work": WORK, "results": [Rule(1)]}


@pytest.mark.parametrize(("age_s", "days"), [(1, 1), (DAY_S, 1), (DAY_S + 1, 2), (30 * DAY_S, 30)])
def test_days_are_rounded_up(age_s: int, days: int) -> None:
    settings = SETTINGS.model_copy(update={"retention_dead_letters_s": age_s, "retention_temporary_s": age_s})
    rules = lifecycle_rules(settings)
    assert Rule(days, "dead-letters/") in rules["work"]
    assert rules["uploads"] == [Rule(days)]


def test_what_is_kept_for_ever_has_no_rule_and_what_is_not_kept_has_the_shortest() -> None:
    names = ("uploads", "dead_letters", "temporary", "versions")
    ages = ("correction_cache_s", *(f"retention_{name}_s" for name in names))
    rules = lifecycle_rules(SETTINGS.model_copy(update=dict.fromkeys(ages, 0)))
    assert rules == {"uploads": [], "work": [Rule(1, "correction-cache/"), Rule(8, "promised-uploads/")], "results": []}


def test_earlier_versions_have_rules_only_where_there_are_any(store: FakeStore, client: "S3Client") -> None:
    store.versioned = {"work"}
    store.put("work", THEIRS)
    first, second = apply(client), apply(client)
    assert first[1].endswith("promised-uploads/ after 8 days, earlier versions after 1 day, unfinished uploads after 1 day")
    assert second == [line.replace("set", "exist", 1) for line in first]
    assert store.ids("work") == [*ids(WORK, versions=True), "theirs", "older"]
    chunks = next(
        rule for rule in ElementTree.fromstring(store.rules["work"]) if "earlier-chunks" in ElementTree.tostring(rule).decode()
    )
    assert chunks.findtext(f"{{{NAMESPACE}}}NoncurrentVersionExpiration/{{{NAMESPACE}}}NoncurrentDays") == "1"
    assert chunks.findtext(f"{{{NAMESPACE}}}Expiration/{{{NAMESPACE}}}ExpiredObjectDeleteMarker") == "true"
    assert chunks.findtext(f"{{{NAMESPACE}}}Filter/{{{NAMESPACE}}}Prefix") == "chunks/"

    store.versioned = set()
    apply(client)
    assert store.ids("work") == [*ids(WORK), "theirs", "older"]


def test_a_bucket_with_two_roles_has_the_rules_of_both() -> None:
    both = SETTINGS.model_copy(update={"work_bucket": "one", "results_bucket": "one"})
    assert lifecycle_rules(both) == {"uploads": [Rule(1)], "one": WORK}


def test_rules_are_set_once(store: FakeStore, client: "S3Client") -> None:
    first = apply(client)
    assert first[0] == "lifecycle rules of uploads: set: unfinished uploads after 1 day"
    assert first[1].startswith("lifecycle rules of work: set: uploads-by-content/ after 1 day, correction-cache/ after 30 days, ")
    assert store.ids("work") == ids(WORK)
    store.requests.clear()
    assert [line.replace("exist", "set", 1) for line in apply(client)] == first
    assert {method for method, _ in store.requests} == {"GET"}


@pytest.mark.parametrize("has_namespace", [True, False])
def test_rules_of_others_are_written_back_as_they_were(store: FakeStore, client: "S3Client", has_namespace: bool) -> None:
    store.put("work", THEIRS)
    if not has_namespace:
        store.rules["work"] = store.rules["work"].replace(f' xmlns="{NAMESPACE}"'.encode(), b"")
    apply(client)
    assert THEIRS.encode() in store.rules["work"]
    assert store.ids("work") == [*ids(WORK), "theirs", "older"]


def test_only_ours_are_removed_when_the_settings_ask_for_none(store: FakeStore, client: "S3Client") -> None:
    store.put("uploads", THEIRS)
    apply(client)
    lines = apply(client, retention_temporary_s=0)
    assert lines[0] == "lifecycle rules of uploads: set: none"
    assert store.ids("uploads") == ["theirs", "older"]
    assert "results" not in store.rules
    assert store.ids("work") == ids(WORK[:-1])


def test_an_access_key_without_the_permission_is_reported_and_the_rest_goes_on(store: FakeStore, client: "S3Client") -> None:
    store.status, store.code = 403, "AccessDenied"
    lines = apply(client)
    assert len(lines) == 3
    assert all("does not permit" in line for line in lines)


def test_a_store_that_is_away_is_an_outage_and_not_a_store_without_rules(store: FakeStore, client: "S3Client") -> None:
    store.status, store.code = 503, "SlowDown"
    with pytest.raises(StoreUnavailable):
        apply(client)
