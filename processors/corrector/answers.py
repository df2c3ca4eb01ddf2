"""Answers of the corrector's endpoint, kept in the work bucket: the same text with the same settings is asked for once.

Found by a digest of owner, language, text and the endpoint's version, whichever work they were made for. Kept with that work, and
deleted with its last job. Only texts that can be used are kept.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from runtime.identity import digest
from runtime.objects import NotFound, ObjectStore, keys

COPIES_MAX = 4  # so many works with the same question are looked at
Texts = tuple[str | None, ...]  # one for each that was asked for; None: not answered


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose text it is, and of which work."""

    owner: str
    work_id: str


class Answers:
    """All calls block, and raise StoreUnavailable. `max_age_s`: 0 keeps none."""

    def __init__(
        self, objects: ObjectStore, bucket: str, max_age_s: float, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._objects = objects
        self._bucket = bucket
        self._max_age = timedelta(seconds=max_age_s)
        self._now = now

    def find(self, asked: "Question") -> Texts:
        """The corrected texts, as many as there are."""
        known: Texts = (None,) * asked.count
        if not self._max_age:
            return known
        prefix = keys.answered_prefix(asked.digest)
        for info in itertools.islice(self._objects.list(self._bucket, prefix), COPIES_MAX):
            found = self._read(keys.answer_key(info.key.removeprefix(prefix), asked.digest), asked.count)
            known = tuple(one if one is not None else other for one, other in zip(known, found, strict=True))
            if None not in known:
                break
        return known

    def keep(self, asked: "Question", work_id: str, texts: Texts) -> None:
        """The pointer to it comes second: one that was never written is removed with the work, or by its age."""
        if self._max_age:
            content = orjson.dumps({"at": self._now().isoformat(), "texts": texts})
            key = keys.answer_key(work_id, asked.digest)
            self._objects.put(self._bucket, key, content, content_type="application/json")
            self._objects.put(self._bucket, keys.answered_key(asked.digest, work_id), b"")

    def _read(self, key: str, count: int) -> Texts:
        none: Texts = (None,) * count
        try:
            known = orjson.loads(self._objects.get(self._bucket, key))
            texts, at = tuple(known["texts"]), datetime.fromisoformat(known["at"])
        except (NotFound, ValueError, LookupError, TypeError):
            return none
        return texts if len(texts) == count and self._now() - at < self._max_age else none


class Question:
    """What an answer depends on."""

    def __init__(self, version: str, owner: str, language: str | None, texts: tuple[str, ...]) -> None:
        self.count = len(texts)
        self.digest = digest([version, owner, language, texts])
