"""The language of a file by its first chunks."""

from producers.gateway.asr.detection import CHUNKS_MAX, decide, document
from producers.gateway.view.progress import ChunkLanguage


def test_one_chunk_is_enough_if_its_language_is_clear() -> None:
    assert decide([ChunkLanguage("pt", 0.97)]) == ChunkLanguage("pt", 0.97)


def test_without_a_chunk_nothing_is_decided() -> None:
    assert decide([]) is None


def test_in_doubt_more_chunks_decide() -> None:
    doubtful = [ChunkLanguage("gl", 0.45), ChunkLanguage("pt", 0.5), ChunkLanguage("pt", 0.7), ChunkLanguage("es", 0.3)]
    assert decide(doubtful[: CHUNKS_MAX - 1]) is None
    assert decide(doubtful) == ChunkLanguage("pt", 0.6)


def test_a_clear_chunk_after_doubtful_ones_counts_with_them() -> None:
    assert decide([ChunkLanguage("pt", 0.5), ChunkLanguage("en", 0.4), ChunkLanguage("pt", 0.9)]) == ChunkLanguage("pt", 0.7)


def test_the_answer_has_the_services_fields() -> None:
    assert document(ChunkLanguage("ht", 1.2)) == {
        "detected_language": "haitian creole",
        "language_code": "ht",
        "confidence": 1.0,
    }
    assert document(None) == {"detected_language": "undetermined", "language_code": "und", "confidence": 0.0}
