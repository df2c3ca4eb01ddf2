"""A raw transcript and its corrected texts to the corrected transcript. Pure.

Its times are those of the raw one. What was transcribed is one field away: `raw_text` of the transcript, and of each segment that
differs.
"""

from collections.abc import Iterator, Sequence

from processors.corrector import word_texts
from processors.corrector.model_correction import ModelCorrected
from processors.corrector.rules import Applied
from schemas.correction import Correction
from schemas.segment import Segment
from schemas.transcript import Transcript
from schemas.warning import TranscriptWarning


def corrected(raw: Transcript, applied: Applied, by_model: ModelCorrected, correction: Correction) -> Transcript:
    """`by_model`: the texts after both. `correction`: its version, its model and how long it took; the rest is filled in."""
    pairs = zip(raw.segments, by_model.texts, strict=True)
    segments = tuple(_segment(segment, text) for segment, text in pairs)
    changed = sum(segment.raw_text is not None for segment in segments)
    found = {
        "rules": applied.changed,
        "segments_changed": changed,
        "segments_rejected": by_model.rejected,
        "is_complete": not (applied.failed or applied.left_out or by_model.failures or by_model.rejected),
    }
    return raw.model_copy(
        update={
            "text": " ".join(segment.text for segment in segments if segment.text) if changed else raw.text,
            "segments": segments,
            "raw_text": raw.text,
            "correction": correction.model_copy(update=found),
            "warnings": (*raw.warnings, *_warnings(applied, by_model)),
        }
    )


def _segment(segment: Segment, text: str) -> Segment:
    if text == segment.text:
        return segment
    words = word_texts.corrected(segment.words, text) if segment.words is not None else None
    return segment.model_copy(update={"text": text, "words": words, "raw_text": segment.text})


def _warnings(applied: Applied, by_model: ModelCorrected) -> Iterator[TranscriptWarning]:
    for name, why in applied.failed.items():
        yield TranscriptWarning(code="rule_failed", message=f"the correction rule {name!r} was left out: {why}")
    if applied.left_out:
        yield TranscriptWarning(
            code="rule_failed", message=f"{applied.left_out} correction rules were left out: no time was left"
        )
    for why in by_model.failures:
        yield TranscriptWarning(code="uncorrected", message=f"the corrector failed, and text stays as it was: {why}")
    if by_model.rejected:
        what = "1 segment keeps its text" if by_model.rejected == 1 else f"{by_model.rejected} segments keep their text"
        message = f"{what}, since what the corrector made of it is another text"
        yield TranscriptWarning(code="uncorrected", message=message)


def texts(raw: Transcript) -> Sequence[str]:
    return [segment.text for segment in raw.segments]
