"""Parses stores' events in all supported formats: an object was dropped, a bucket has to be listed, or nothing.

Pure. Only the address is taken from an event: sizes, eTags and sequencers in it are wrong too often (HEAD tells).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote_plus

import orjson

from schemas.codec import Undecodable

Dialect = Literal["auto", "raw", "encoded"]
Json = Mapping[str, Any]
CREATED = {f"ObjectCreated:{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload")}


@dataclass(frozen=True, slots=True)
class Dropped:
    """A new object. Its key is the first of `keys` that HEAD finds: some stores do not specify their encoding."""

    bucket: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListBucket:
    """A new object without a key in the event (versitygw's form uploads)."""

    bucket: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do. `reason` is a metric's label."""

    reason: str


Event = Dropped | ListBucket | Ignored


def normalise(value: bytes | None, dialect: Dialect = "auto") -> list[Event]:
    """One for each record in the message. `dialect`: the encoding of keys if the message itself does not show it.

    Raises Undecodable for what is no event of a store.
    """
    message = _message(value)
    if message.get("detail-type") is not None:
        return [_event_bridge(message)]
    records = message.get("Records")
    if records is None and message.get("Event") == "s3:TestEvent":
        return [Ignored("test_event")]
    if not isinstance(records, list):
        raise Undecodable("wrong_schema", "Records is not a list")
    top_key = message.get("Key") if len(records) == 1 else None
    return [_record(_mapping(record, "a record"), top_key, dialect) for record in records]


def _message(value: bytes | None) -> Json:
    if value is None:
        raise Undecodable("tombstone", "an empty value where a store's event was expected")
    try:
        return _mapping(orjson.loads(value), "a store's event")
    except orjson.JSONDecodeError as error:
        raise Undecodable("not_json", str(error)) from error


def _record(record: Json, top_key: object, dialect: Dialect) -> Event:
    full_name = _text(record, "eventName")
    if not full_name:
        raise Undecodable("wrong_schema", "a record has no eventName")
    name = full_name.removeprefix("s3:")
    if name not in CREATED:
        return Ignored("other_event")
    s3 = _mapping(record.get("s3"), "s3")
    bucket = _text(_mapping(s3.get("bucket"), "s3.bucket"), "name")
    key = _text(_mapping(s3.get("object"), "s3.object"), "key")
    if isinstance(top_key, str) and top_key.startswith(f"{bucket}/") and top_key != f"{bucket}/":
        return Dropped(bucket, (top_key.removeprefix(f"{bucket}/"),))  # MinIO's: there the key is not encoded
    if not key:
        return ListBucket(bucket)
    looks_raw = full_name != name and record.get("eventSource") == "aws:s3"  # versitygw; AWS itself writes no "s3:"
    return Dropped(bucket, tuple(dict.fromkeys(_keys(key, dialect, looks_raw=looks_raw))))


def _keys(key: str, dialect: Dialect, *, looks_raw: bool) -> Iterator[str]:
    """The names to try with HEAD, likeliest first."""
    decoded = unquote_plus(key)
    if dialect == "encoded":
        yield decoded
    elif dialect == "raw" or looks_raw:
        yield _as_listed(key)
    yield key
    if dialect == "auto":
        yield decoded


def _as_listed(key: str) -> str:
    """versitygw takes `a//b`, `a/./b`, `a/../b` and `/b`, and lists them under the path that the file system makes of them.

    One object must have one name, or it would have two jobs.
    """
    segments: list[str] = []
    for segment in key.split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(segment)
    return "/".join(segments) or key


def _event_bridge(message: Json) -> Event:
    """AWS EventBridge: its own envelope, keys not encoded."""
    if message.get("detail-type") != "Object Created":
        return Ignored("other_event")
    detail = _mapping(message.get("detail"), "detail")
    bucket = _text(_mapping(detail.get("bucket"), "detail.bucket"), "name")
    key = _text(_mapping(detail.get("object"), "detail.object"), "key")
    return Dropped(bucket, (key,)) if key else ListBucket(bucket)


def _mapping(value: object, what: str) -> Json:
    if not isinstance(value, dict):
        raise Undecodable("wrong_schema", f"{what} is a JSON object, not {type(value).__name__}")
    return value


def _text(parent: Json, name: str) -> str:
    """null, "" and absent are the same; any other value that is not text is an error."""
    value = parent.get(name)
    if value is not None and not isinstance(value, str):
        raise Undecodable("wrong_schema", f"{name} is text, not {type(value).__name__}")
    return value or ""
