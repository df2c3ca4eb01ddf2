"""What murmur has in the store, by kind: found and removed. The sweeper decides which of it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from runtime.objects import NotFound, ObjectStore, keys
from runtime.objects.store import EarlierVersion, Unfinished
from runtime.retention import KINDS, KindName, buckets_of_uploads
from runtime.settings import Settings
from sinks.retention.listing import Stored


def listed(objects: ObjectStore, settings: Settings) -> Iterator[Stored]:
    """One request to the store for many. Raises StoreUnavailable."""
    for kind in KINDS:
        places = [(settings.work_bucket, prefix) for prefix in kind.prefixes]
        if kind.name == "uploads":
            places.append((settings.uploads_bucket, keys.DIRECT_UPLOADS))
        for bucket, prefix in places:
            for info in objects.list(bucket, prefix):
                name, part = _item(kind.name, bucket, info.key.removeprefix(prefix), info.key)
                yield Stored(kind.name, name, bucket, info.key, info.size_bytes, info.modified_at.timestamp(), part)
    for bucket in buckets_of_uploads(settings):
        yield from map(_unfinished, objects.unfinished(bucket))
    for bucket, prefixes in ((settings.work_bucket, keys.OURS), (settings.uploads_bucket, (keys.DIRECT_UPLOADS,))):
        yield from map(_earlier, objects.earlier_versions(bucket, prefixes))


def _unfinished(each: Unfinished) -> Stored:
    name = f"{each.bucket}/{each.key}/{each.handle}"
    return Stored("temporary", name, each.bucket, each.key, each.size_bytes, each.written_at.timestamp(), each.handle)


def _earlier(each: EarlierVersion) -> Stored:
    name = f"{each.bucket}/{each.key}/{each.version_id}"
    return Stored("versions", name, each.bucket, each.key, each.size_bytes, each.replaced_at.timestamp(), each.version_id)


def _item(kind: KindName, bucket: str, rest: str, key: str) -> tuple[str, str]:
    """What an object belongs to: a slice, an upload, a work; and which part of that it is, if several have chunks of a slice."""
    name, _, below = rest.partition("/")
    if kind == "chunks":
        return name, below.rpartition("/")[0]
    if kind == "transcripts":
        return name.partition(".")[0], ""  # corrected texts and names are in folders of their work
    if kind == "corrections" and (found := keys.answers_of(key)) is not None:
        return found[0], ""
    return f"{bucket}/{key}", ""


def remove(objects: ObjectStore, each: Stored) -> bool:
    """False: it is still in use, with all that has its name, or the store does not permit it. Raises StoreUnavailable."""
    at = datetime.fromtimestamp(each.modified_s, UTC)
    if each.kind == "temporary":
        return objects.remove_unfinished(Unfinished(each.bucket, each.key, each.part, at, each.size_bytes))
    if each.kind == "versions":
        return objects.remove_version(EarlierVersion(each.bucket, each.key, each.part, at, each.size_bytes))
    try:
        if objects.head(each.bucket, each.key).modified_at.timestamp() > each.modified_s:
            return False  # it has been written again since it was listed
    except NotFound:
        pass  # another replica was faster
    objects.delete(each.bucket, each.key)
    return True
