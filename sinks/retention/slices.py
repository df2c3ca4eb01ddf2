"""Chunk audio of several runs: who cut a file at the same time has a copy each, and the slice's index names one of them.

The others are used by the jobs of their runs alone, so to the sweeper each is an item of its own, as old as its newest chunk. The
copy that the index names is as old as the index, which every later use writes again.
"""

from collections.abc import Iterator

import orjson

from runtime.objects import NotFound, ObjectStore, keys
from sinks.retention.listing import Listing


def split(objects: ObjectStore, bucket: str, listing: Listing) -> Iterator[None]:
    """In the listing; one request to the store for each slice that has several. Raises StoreUnavailable."""
    for slice_ids in listing.of_several_parts("chunks"):
        for slice_id in slice_ids:
            listing.split("chunks", slice_id, _indexed_run(objects, bucket, slice_id))
            yield
        yield


def is_indexed(objects: ObjectStore, bucket: str, name: str) -> bool:
    """Whether an item that is the copy of one run has become the one that the index names. Raises StoreUnavailable."""
    slice_id, _, run = name.partition("/")
    return bool(run) and _indexed_run(objects, bucket, slice_id) == run


def _indexed_run(objects: ObjectStore, bucket: str, slice_id: str) -> str:
    """Empty: no index, or none that a slicer would use."""
    try:
        index = orjson.loads(objects.get(bucket, keys.slice_index_key(slice_id)))
    except (NotFound, ValueError):
        return ""
    run = index.get("run") if isinstance(index, dict) else None
    return run if isinstance(run, str) else ""
