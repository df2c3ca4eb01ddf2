"""Running totals over the chunks of one work, so that no decision iterates over all of them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from processors.coordinator.entries import ChunkState, WorkState
from schemas.work import SlicedChunk, Span


@dataclass(frozen=True, slots=True)
class Tally:
    """`chunks` are those of the closing record, None while the file is being decoded; `missing` of them have no result yet.
    `known_s` is their speech, `done_s` that of all results."""

    chunks: tuple[SlicedChunk, ...] | None
    spans: frozenset[Span]
    known_s: float
    missing: int
    done_s: float

    @classmethod
    def of(cls, chunks: tuple[SlicedChunk, ...] | None, results: Mapping[Span, ChunkState]) -> "Tally":
        """Iterates over all chunks: once when a work is new or recovered, and once when its file has been sliced."""
        closing = chunks or ()
        return cls(
            chunks=chunks,
            spans=frozenset(chunk.span for chunk in closing),
            known_s=sum(chunk.speech_s for chunk in closing),
            missing=sum(not _has_result(results.get(chunk.span)) for chunk in closing),
            done_s=sum(chunk.result.speech_s for chunk in results.values()),
        )

    def replaced(self, span: Span, old: ChunkState | None, new: ChunkState | None) -> "Tally":
        """With `new` as this chunk's entry instead of `old`."""
        missing = _has_result(old) - _has_result(new) if span in self.spans else 0
        return replace(self, missing=self.missing + missing, done_s=self.done_s + (_done_s(new) - _done_s(old)))

    @property
    def is_complete(self) -> bool:
        return self.chunks is not None and self.missing == 0

    def share(self, state: WorkState) -> float:
        """Speech done / speech known. While the file is being decoded: of its declared length, at most 0.99."""
        if self.chunks is not None:
            return min(1.0, self.done_s / self.known_s) if self.known_s else 1.0
        declared_s = state.audio_info.declared_duration_s if state.audio_info else None
        return min(0.99, self.done_s / declared_s) if declared_s else 0.0


def _has_result(chunk: ChunkState | None) -> bool:
    return chunk is not None and not chunk.is_awaited


def _done_s(chunk: ChunkState | None) -> float:
    return 0.0 if chunk is None else chunk.result.speech_s
