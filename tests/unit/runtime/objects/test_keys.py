"""Keys in the work bucket."""

import inspect
from uuid import UUID

from runtime.objects import keys


def test_every_key_that_murmur_makes_begins_as_one_of_ours() -> None:
    """Else its earlier versions would be kept."""
    functions = [found for name, found in inspect.getmembers(keys, inspect.isfunction) if name.endswith("_key")]
    made = {
        keys.upload_key(UUID(int=1)),
        keys.content_key("a"),
        keys.promise_key("a"),
        keys.chunk_key("a", "b", (0, 1)),
        keys.slice_index_key("a"),
        keys.transcript_key("a"),
        keys.corrected_key("a", "b"),
        keys.names_key("a", UUID(int=1)),
        keys.answer_key("a", "b"),
        keys.answered_key("a", "b"),
        keys.dead_letter_key("a"),
    }
    assert len(made) == len(functions) - 2, "all but those of direct uploads, in another bucket, and one upload's by its job"
    made |= {keys.STORED_FIGURES, keys.CORRECTION_RULES, keys.SESSION_SECRET}
    assert [key for key in made if not key.startswith(keys.OURS)] == []
