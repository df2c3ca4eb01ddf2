"""Chunks to a transcript: the file's language by vote, which chunks to transcribe again, and the whole text. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from processors.coordinator.entries import ChunkState, WorkState
from processors.coordinator.timings import timings_of
from runtime.models import catalogue
from schemas.jobs import Job
from schemas.segment import Segment
from schemas.transcript import Transcript
from schemas.warning import TranscriptWarning
from schemas.work import ChunkTranscribed, SlicedChunk, Span

CONFIDENT = 0.8  # a chunk whose language is at least this probable keeps it, even if the file's is another


def language_of(results: Sequence[ChunkTranscribed]) -> tuple[str | None, float]:
    """The file's language: every chunk votes with its seconds of speech times the probability. None: no speech."""
    votes: dict[str, float] = defaultdict(float)
    speech_s: dict[str, float] = defaultdict(float)
    for result in results:
        if result.language is not None:
            votes[result.language] += result.speech_s * result.language_probability
            speech_s[result.language] += result.speech_s
    if not votes:
        return None, 0.0
    language = max(votes, key=lambda name: (votes[name], name))
    return language, votes[language] / speech_s[language] if speech_s[language] else 0.0


def doubtful(state: WorkState, chunks: Mapping[Span, ChunkState]) -> list[tuple[SlicedChunk, str]]:
    """Chunks transcribed in a minority language with low confidence, and the file's language for their second transcription."""
    if state.chunks is None:
        return []
    language, _ = language_of([chunks[chunk.span].result for chunk in state.chunks])
    if language is None:
        return []
    return [(chunk, language) for chunk in state.chunks if _differs(state, chunks[chunk.span], language)]


def may_change(state: WorkState, result: ChunkTranscribed) -> bool:
    """Whether it is transcribed again if the language of the file turns out to be another."""
    decoding = state.work.decoding
    if decoding.language is not None or decoding.multilingual or result.attempt > 0:
        return False
    return result.language is not None and result.language_probability < CONFIDENT


def _differs(state: WorkState, chunk: ChunkState, language: str) -> bool:
    return not chunk.again and may_change(state, chunk.result) and chunk.result.language != language


def assemble(state: WorkState, chunks: Mapping[Span, ChunkState], waiting: Mapping[str, Job], now: datetime) -> Transcript:
    """The transcript of a work whose chunks all have results. Segments are in the order of the file. `waiting`: the
    jobs that wait for it."""
    assert state.chunks is not None
    assert state.audio_info is not None
    results = [chunks[chunk.span].result for chunk in sorted(state.chunks, key=lambda chunk: chunk.span)]
    segments: list[Segment] = [segment for result in results for segment in result.segments]
    language, probability = language_of(results)
    work = state.work
    timings = timings_of(state, waiting, sum(result.inference_s for result in results), now)
    return Transcript(
        work_id=work.work_id,
        audio_id=work.audio_id,
        model=work.model,
        decoding=work.decoding,
        slicing=work.slicing,
        language=work.decoding.language if work.decoding.language and segments else language,
        language_probability=1.0 if work.decoding.language else probability,
        duration_s=state.audio_info.duration_s,
        speech_s=sum(chunk.speech_s for chunk in state.chunks),
        text=" ".join(segment.text for segment in segments if segment.text),
        segments=tuple(segments),
        removed=tuple(removed for result in results for removed in result.removed),
        warnings=warnings_of(state, results),
        audio_info=state.audio_info,
        processing_s=(now - state.started_at).total_seconds() if state.started_at else 0.0,
        inference_s=timings.inference_s,
        timings=timings,
        created_at=now,
    )


def warnings_of(state: WorkState, results: Sequence[ChunkTranscribed]) -> tuple[TranscriptWarning, ...]:
    """Warnings about the model, then those of the decoder about the file, then those of the transcribers about its chunks;
    equal ones once. Then one for everything that the filters removed."""
    assert state.audio_info is not None
    chunks = [warning for result in results for warning in result.warnings]
    found = [*catalogue.warnings_of(state.work.model), *state.audio_info.warnings, *chunks, *_removed(results)]
    return tuple(dict.fromkeys(found))


def _removed(results: Sequence[ChunkTranscribed]) -> Iterator[TranscriptWarning]:
    counts = Counter(removed.reason for result in results for removed in result.removed)
    if counts:
        by_reason = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
        what = "1 segment was" if counts.total() == 1 else f"{counts.total()} segments were"
        message = f"{what} removed as probably not spoken ({by_reason}); `removed` in the JSON result lists the texts"
        yield TranscriptWarning(code="text_removed", message=message)
