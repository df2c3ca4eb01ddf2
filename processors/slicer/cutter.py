"""Spoken regions to chunks: as many neighbours as fit into the longest chunk, the silence between them left out. Pure.

Fed by `regions`; feeds `slicing`. A chunk is given out as soon as the next region does not fit into it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from schemas.work import Span


@dataclass(frozen=True, slots=True)
class Chunk:
    """`pieces`: the spoken regions, in order, in samples of the file; those that touch are one. Never empty."""

    pieces: tuple[Span, ...]

    @property
    def span(self) -> Span:
        return self.pieces[0][0], self.pieces[-1][1]


class Cutter:
    def __init__(self, max_samples: int) -> None:
        self._max_samples = max_samples
        self._pieces: list[Span] = []
        self._samples = 0

    def add(self, region: Span) -> Iterator[Chunk]:
        for piece in self._bounded(region):
            length = piece[1] - piece[0]
            if self._samples + length > self._max_samples:
                yield from self.finish()
            if self._pieces and self._pieces[-1][1] == piece[0]:
                piece = (self._pieces.pop()[0], piece[1])
            self._pieces.append(piece)
            self._samples += length

    def finish(self) -> Iterator[Chunk]:
        """The chunk in the making, if there is one."""
        if self._pieces:
            yield Chunk(tuple(self._pieces))
        self._pieces, self._samples = [], 0

    def _bounded(self, region: Span) -> Iterator[Span]:
        """A region longer than a chunk, in as few parts of equal length as fit (padding wider than a chunk makes such)."""
        start, end = region
        parts = -(-(end - start) // self._max_samples)
        bounds = [start + (end - start) * part // parts for part in range(parts + 1)] if parts else []
        yield from pairwise(bounds)
