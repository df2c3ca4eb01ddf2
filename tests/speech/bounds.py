"""What holds of every transcript, and how far it may be behind faster-whisper's on the same files."""

from collections.abc import Callable, Sequence

from benchmarks.speech.comparison import Row, total
from schemas.segment import Segment, Word
from schemas.transcript import Transcript

MISSING_MORE = 0.003  # of the words
ERRORS_MORE = {30.0: 0.004, 20.0: 0.01, 10.0: 0.01}  # by the longest chunk: shorter ones cost context


def timed(transcript: Transcript) -> list[Segment | Word]:
    """All that has a start and an end."""
    found: list[Segment | Word] = []
    for segment in transcript.segments:
        found += [segment, *(segment.words or ())]
    return found


def check(rows: Sequence[Row], limit_s: float, show: Callable[[Row], None]) -> None:
    """All files together: single ones have too few words for bounds as narrow as these."""
    for row in rows:
        show(row)
    whole = total(rows)
    murmur, reference = whole.murmur, whole.reference
    assert reference is not None
    differences = "\n".join(text for row in rows for text in row.murmur.differences)
    assert murmur.missing_rate <= reference.missing_rate + MISSING_MORE, differences
    assert murmur.error_rate <= reference.error_rate + ERRORS_MORE[limit_s], differences
