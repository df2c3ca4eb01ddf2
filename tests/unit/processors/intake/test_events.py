"""Recorded events of MinIO and versitygw, and the documented shapes of other stores, through the normaliser."""

import json
from pathlib import Path
from typing import Any

import pytest

from processors.intake.events import Dialect, Dropped, Event, Ignored, ListBucket, normalise
from schemas.codec import Undecodable

FIXTURES = Path(__file__).parents[3] / "data" / "events"

KEYS = {  # recorded name: the object's key, as the store's listing shows it
    "key_backslash": "a\\b.wav",
    "key_cyrillic": "Запись/звонок.wav",
    "key_emoji": "🎙️ voice.wav",
    "key_nested": "a/b/c d+e.wav",
    "key_newline": "a\nb.wav",
    "key_nfd": "e\u0301.wav",
    "key_percent": "100%.wav",
    "key_percent20": "a%20b.wav",
    "key_percent2f": "a%2Fb.wav",
    "key_plus": "a+b.wav",
    "key_reserved": "q?&=#;:@,'\"()!*~[]{}|^`$.wav",
    "key_space": "with space.wav",
    "key_tab": "a\tb.wav",
    "key_lead_slash": "x.wav",
    "put": "call.wav",
    "put_overwrite": "call.wav",
    "put_zero": "zero.wav",
    "copy": "copy.wav",
    "multipart": "multi.wav",
    "presigned_put": "pre signed.wav",
    "checksum_sha256": "sum.wav",
}
MINIO_KEYS = KEYS | {"key_dir": "folder/", "key_file_as_dir": "with space.wav/inner.wav", "post_ok": "post ed.wav"}
VERSITYGW_KEYS = KEYS | {"key_double_slash": "a/b.wav", "key_dot": "a/b.wav", "key_dotdot": "b.wav"}
NO_DROP = ["delete", "delete_missing", "tagging", "tagging_delete"]
SILENT = ["get", "multipart_abort"]


def recorded(store: str, name: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads((FIXTURES / store / f"{name}.json").read_text())["events"]
    return events


def events_of(store: str, name: str, dialect: Dialect = "auto") -> list[Event]:
    values = [json.dumps(event["value"]).encode() for event in recorded(store, name)]
    return [event for value in values for event in normalise(value, dialect)]


def first_keys(events: list[Event]) -> list[str]:
    """The key that HEAD is tried with first."""
    return [event.keys[0] for event in events if isinstance(event, Dropped)]


def classic(key: str | None, name: str = "ObjectCreated:Put", source: str = "aws:s3", **top: object) -> bytes:
    record = {"eventSource": source, "eventName": name, "s3": {"bucket": {"name": "drops"}, "object": {"key": key}}}
    return json.dumps({"Records": [record], **top}).encode()


@pytest.mark.parametrize("store", ["minio", "versitygw"])
def test_every_recorded_event_is_understood(store: str) -> None:
    names = [file.stem for file in (FIXTURES / store).glob("*.json")]
    assert len(names) >= 39
    for name in names:
        assert len(events_of(store, name)) == len(recorded(store, name))
        assert all(isinstance(event, Ignored) or event.bucket in ("drops", "drops-versioned") for event in events_of(store, name))


@pytest.mark.parametrize(("name", "key"), MINIO_KEYS.items())
def test_an_event_of_minio_names_exactly_the_object(name: str, key: str) -> None:
    assert events_of("minio", name) == [Dropped("drops", (key,))]


@pytest.mark.parametrize(("name", "key"), VERSITYGW_KEYS.items())
@pytest.mark.parametrize("dialect", ["auto", "raw"])
def test_versitygw_objects_are_looked_for_under_the_name_that_its_listing_shows(name: str, key: str, dialect: Dialect) -> None:
    events = events_of("versitygw", name, dialect)
    assert first_keys(events) == [key]


@pytest.mark.parametrize("name", sorted(KEYS))
def test_keys_of_versitygw_are_never_decoded_when_it_is_known_to_be_versitygw(name: str) -> None:
    (event,) = events_of("versitygw", name, "raw")
    raw = recorded("versitygw", name)[0]["value"]["Records"][0]["s3"]["object"]["key"]
    assert isinstance(event, Dropped)
    assert set(event.keys) == {KEYS[name], raw}


@pytest.mark.parametrize("store", ["minio", "versitygw"])
def test_the_longest_keys_arrive_complete(store: str) -> None:
    (deep,) = first_keys(events_of(store, "key_long_deep"))
    (cyrillic,) = first_keys(events_of(store, "key_cyr_1024"))
    assert len(deep.encode()) == 1024
    assert len(cyrillic.encode()) == 1023


def test_a_form_upload_to_versitygw_names_no_object_so_the_bucket_is_listed() -> None:
    assert events_of("versitygw", "post_ok") == [ListBucket("drops")]


@pytest.mark.parametrize("name", NO_DROP)
@pytest.mark.parametrize("store", ["minio", "versitygw"])
def test_removals_and_tags_are_not_drops(store: str, name: str) -> None:
    assert set(events_of(store, name)) == {Ignored("other_event")}


@pytest.mark.parametrize("name", SILENT)
@pytest.mark.parametrize("store", ["minio", "versitygw"])
def test_reading_and_aborting_report_nothing(store: str, name: str) -> None:
    assert events_of(store, name) == []


@pytest.mark.parametrize("store", ["minio", "versitygw"])
def test_of_two_uploads_and_their_removal_two_drops_are_left(store: str) -> None:
    assert first_keys(events_of(store, "delete_many")) == ["x1", "x2"]


def test_of_a_versioned_bucket_only_the_upload_counts() -> None:
    assert first_keys(events_of("minio", "versioned")) == ["v.wav"]


def test_the_message_that_versitygw_sends_at_its_start_is_not_an_error() -> None:
    assert events_of("versitygw", "test_event") == [Ignored("test_event")]
    assert normalise(b'{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "drops"}') == [Ignored("test_event")]


def test_aws_writes_keys_encoded_and_event_names_without_prefix() -> None:
    event = classic("folder/a+b%2B%D0%B6.wav")
    assert normalise(event, "encoded") == [Dropped("drops", ("folder/a b+ж.wav", "folder/a+b%2B%D0%B6.wav"))]
    assert normalise(event, "auto") == [Dropped("drops", ("folder/a+b%2B%D0%B6.wav", "folder/a b+ж.wav"))]
    assert normalise(classic("a//b.wav"), "encoded") == [Dropped("drops", ("a//b.wav",))], "two objects on AWS"


def test_rustfs_follows_minio_and_its_empty_keys_are_looked_up() -> None:
    named = classic("a%2Fb+c.wav", "s3:ObjectCreated:Put", "rustfs:s3", EventName="s3:ObjectCreated:Put", Key="drops/a/b c.wav")
    assert normalise(named) == [Dropped("drops", ("a/b c.wav",))]
    nameless = classic("", "s3:ObjectCreated:CompleteMultipartUpload", "rustfs:s3", Key="drops/")
    assert normalise(nameless) == [ListBucket("drops")]


def test_ceph_records_carry_more_than_the_rest_and_are_understood() -> None:
    record = {
        "eventVersion": "2.2",
        "eventSource": "ceph:s3",
        "eventName": "ObjectCreated:CompleteMultipartUpload",
        "eventId": "1575221657.102001.80dad3aad8584778352c68ea06250327",
        "opaqueData": "me@example.com",
        "s3": {
            "bucket": {"name": "drops", "id": "80dad3aa.4247.1"},
            "object": {"key": "a b.wav", "metadata": [{"key": "x-amz-meta-a", "val": "1"}], "tags": []},
        },
    }
    assert normalise(json.dumps({"Records": [record]}).encode()) == [Dropped("drops", ("a b.wav",))]


def test_eventbridge_has_its_own_envelope_and_keys_as_they_are() -> None:
    def envelope(kind: str, key: str) -> bytes:
        detail = {"bucket": {"name": "drops"}, "object": {"key": key, "etag": "e"}, "reason": "PutObject"}
        return json.dumps({"version": "0", "detail-type": kind, "source": "aws.s3", "detail": detail}).encode()

    assert normalise(envelope("Object Created", "a+b %20.wav")) == [Dropped("drops", ("a+b %20.wav",))]
    assert normalise(envelope("Object Deleted", "a.wav")) == [Ignored("other_event")]


def test_several_records_in_one_message_are_several_events() -> None:
    records = json.loads(classic("a.wav"))["Records"] + json.loads(classic("b.wav"))["Records"]
    assert first_keys(normalise(json.dumps({"Records": records, "Key": "drops/a.wav"}).encode())) == ["a.wav", "b.wav"]


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_empty_and_absent_are_the_same(nothing: str | None) -> None:
    assert normalise(classic(nothing)) == [ListBucket("drops")]
    assert normalise(classic(nothing, Key=nothing)) == [ListBucket("drops")]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone"),
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"RIFF....WAVE", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "wrong_schema"),
        (b'"text"', "wrong_schema"),
        (b'{"Records": {}}', "wrong_schema"),
        (b'{"Records": [1]}', "wrong_schema"),
        (b'{"Records": [{"eventName": "s3:ObjectCreated:Put"}]}', "wrong_schema"),
        (b'{"Records": [{"eventName": 1}]}', "wrong_schema"),
        (
            b'{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": 1}}}]}',
            "wrong_schema",
        ),
        (b'{"detail-type": "Object Created"}', "wrong_schema"),
    ],
)
def test_what_is_not_a_store_event_is_undecodable(value: bytes | None, reason: str) -> None:
    with pytest.raises(Undecodable) as error:
        normalise(value)
    assert error.value.reason == reason


@pytest.mark.parametrize("value", [b"{}", b'{"a": 1}', b'{"Records": null}', b'{"Records": [{"a": 1}]}', b'{"Event": "other"}'])
def test_json_that_is_not_an_event_is_undecodable(value: bytes) -> None:
    with pytest.raises(Undecodable) as error:
        normalise(value)
    assert error.value.reason == "wrong_schema"
