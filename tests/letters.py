"""Dead letters for tests."""

from datetime import UTC, datetime
from typing import Any

from schemas import codec
from schemas.deadletter import DeadLetter
from schemas.topics import UPLOADS

DIED_AT = datetime.now(UTC).replace(microsecond=0)


def dead_letter(offset: int, **more: Any) -> DeadLetter:
    """Of a record of `uploads` whose value names its offset."""
    fields: dict[str, Any] = {
        "topic": UPLOADS.name,
        "partition": 0,
        "offset": offset,
        "key": DeadLetter.wrap(b"key"),
        "value": DeadLetter.wrap(b"value %d" % offset),
        "headers": (("from", DeadLetter.wrap(b"\xff")),),
        "stage": "intake",
        "reason": "not_json",
        "message": "unexpected character",
        "died_at": DIED_AT,
    }
    return DeadLetter.model_validate(fields | more)


def written(*letters: DeadLetter) -> list[tuple[bytes | None, bytes | None]]:
    """Keys and values, as on the topic."""
    return [(dead.subject.encode(), codec.encode(dead)) for dead in letters]
