"""The object store: audio, chunk audio, transcripts. One small protocol, one module for each kind of store.

Fed by every stage that has bytes too large for a record; read by the stage that the record went to.
"""

from runtime.objects.store import NotFound, ObjectInfo, ObjectStore, StoreFull, StoreUnavailable, Upload

__all__ = ["NotFound", "ObjectInfo", "ObjectStore", "StoreFull", "StoreUnavailable", "Upload"]
