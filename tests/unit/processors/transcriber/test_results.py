"""What is counted of a chunk that was transcribed."""

from processors.transcriber.results import report
from processors.transcriber.windows import ChunkText
from schemas.segment import RemovedSegment
from tests.samples import sample
from tests.unit.processors.transcriber.chunks import CHUNK


def test_windows_that_were_decoded_again_and_segments_that_were_removed_are_counted() -> None:
    refitted, removed = sample("murmur_windows_refitted_total"), sample("murmur_segments_removed_total", reason="phantoms")
    invented = RemovedSegment(start=0.0, end=0.5, text="Thank you.", reason="phantoms")
    report(CHUNK, ChunkText("en", 0.9, (), removed=(invented, invented), refitted=3))
    assert sample("murmur_windows_refitted_total") == refitted + 3
    assert sample("murmur_segments_removed_total", reason="phantoms") == removed + 2
