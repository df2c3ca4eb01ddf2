"""Reports to the gateways whether the rules of the file are in force, as an object in the store, whenever that changes."""

from collections.abc import Callable
from datetime import UTC, datetime

import orjson

from processors.corrector.rule_book import RuleBook
from runtime.objects import ObjectStore, keys


class RulesReport:
    """`refresh()` from one thread at a time."""

    def __init__(
        self, book: RuleBook, objects: ObjectStore, bucket: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._book = book
        self._objects = objects
        self._bucket = bucket
        self._now = now
        self._reported: tuple[int, str | None] | None = None

    def refresh(self) -> None:
        """Looks at the file, too, so that a change is noticed without a transcript. Blocks. Raises StoreUnavailable: then the
        next call reports."""
        state = len(self._book.current()), self._book.problem
        if state != self._reported:
            document = orjson.dumps({"at": self._now(), "rules": state[0], "problem": state[1]})
            self._objects.put(self._bucket, keys.CORRECTION_RULES, document, content_type="application/json")
            self._reported = state
