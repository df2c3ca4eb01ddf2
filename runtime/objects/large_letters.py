"""The values of dead letters that are too large for their record: in the work bucket, under `dead-letters/<id>`.

Written by the loop; read and deleted by whoever settles the letter.
"""

from collections.abc import Iterable

from runtime.objects.store import ObjectStore
from schemas.deadletter import DeadLetter


def value(objects: ObjectStore, letter: DeadLetter) -> bytes | None:
    """The original value, wherever it is. Blocks; raises NotFound and StoreUnavailable."""
    if letter.value_at is None:
        return letter.unwrap(letter.value)
    return objects.get(letter.value_at.bucket, letter.value_at.key)


def discard(objects: ObjectStore, letters: Iterable[DeadLetter]) -> None:
    """Of settled letters. Blocks; raises StoreUnavailable. Safe to repeat."""
    for letter in letters:
        if letter.value_at is not None:
            objects.delete(letter.value_at.bucket, letter.value_at.key)
