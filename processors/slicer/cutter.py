"""Spoken regions to chunks: as many consecutive ones as fit into the longest chunk, without the silence between them. Pure.

Fed by `regions`; feeds `slicing`. A chunk is complete as soon as the next region does not fit into it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from processors.slicer.regions import Region
from schemas.work import Span


@dataclass(frozen=True, slots=True)
class Chunk:
    """`pieces`: the spoken regions, in order, in samples of the file; adjacent ones are joined. `speech`: the regions without
    their padding. `pieces` is never empty."""

    pieces: tuple[Span, ...]
    speech: tuple[Span, ...]

    @property
    def span(self) -> Span:
        return self.pieces[0][0], self.pieces[-1][1]


class Cutter:
    def __init__(self, max_samples: int) -> None:
        self._max_samples = max_samples
        self._regions: list[Region] = []
        self._samples = 0

    def add(self, region: Region) -> Iterator[Chunk]:
        for part in self._bounded(region):
            length = part.span[1] - part.span[0]
            if self._samples + length > self._max_samples:
                yield from self.finish()
            self._regions.append(part)
            self._samples += length

    def finish(self) -> Iterator[Chunk]:
        """The chunk under construction, if there is one."""
        if self._regions:
            speech = tuple(stretch for region in self._regions for stretch in region.speech)
            yield Chunk(_joined(region.span for region in self._regions), speech)
        self._regions, self._samples = [], 0

    def _bounded(self, region: Region) -> Iterator[Region]:
        """A region longer than a chunk, in as few parts of equal length as fit (possible with padding wider than a chunk)."""
        start, end = region.span
        parts = -(-(end - start) // self._max_samples)
        bounds = [start + (end - start) * part // parts for part in range(parts + 1)] if parts else []
        for span in pairwise(bounds):
            clipped = ((max(a, span[0]), min(b, span[1])) for a, b in region.speech)
            yield Region(span, tuple((a, b) for a, b in clipped if a < b))


def _joined(spans: Iterator[Span]) -> tuple[Span, ...]:
    pieces: list[Span] = []
    for span in spans:
        if pieces and pieces[-1][1] == span[0]:
            span = (pieces.pop()[0], span[1])
        pieces.append(span)
    return tuple(pieces)
