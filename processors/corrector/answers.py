"""Answers of the corrector's endpoint, kept in the work bucket: the same text with the same settings is asked for once.

Keyed by a digest of owner, language, text and the endpoint's version. Only answers that were usable are kept.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import orjson

from runtime.identity import digest
from runtime.objects import NotFound, ObjectStore, keys


class Answers:
    """All calls block, and raise StoreUnavailable. `max_age_s`: 0 keeps none."""

    def __init__(
        self, objects: ObjectStore, bucket: str, max_age_s: float, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._objects = objects
        self._bucket = bucket
        self._max_age = timedelta(seconds=max_age_s)
        self._now = now

    def find(self, asked: "Question") -> tuple[str, ...] | None:
        """The corrected texts, one for each that was asked for."""
        if not self._max_age:
            return None
        try:
            known = orjson.loads(self._objects.get(self._bucket, keys.correction_cache_key(asked.digest)))
            texts, at = tuple(known["texts"]), datetime.fromisoformat(known["at"])
        except (NotFound, ValueError, LookupError, TypeError):
            return None
        return texts if len(texts) == asked.count and self._now() - at < self._max_age else None

    def keep(self, asked: "Question", texts: tuple[str, ...]) -> None:
        if self._max_age:
            content = orjson.dumps({"at": self._now().isoformat(), "texts": texts})
            self._objects.put(self._bucket, keys.correction_cache_key(asked.digest), content, content_type="application/json")


class Question:
    """What an answer depends on."""

    def __init__(self, version: str, owner: str, language: str | None, texts: tuple[str, ...]) -> None:
        self.count = len(texts)
        self.digest = digest([version, owner, language, texts])
