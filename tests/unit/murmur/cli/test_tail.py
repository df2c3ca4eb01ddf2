"""What `murmur tail` prints of one record."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from murmur.cli.tail import _code, _lines, _resolved
from runtime.errors import UsageError
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from schemas.correction import Correction
from schemas.jobs import ResultSummary
from schemas.segment import Segment
from schemas.transcript import Transcript, TranscriptCompleted
from tests.ended import WORK_ID, ended, transcript

AT = datetime(2026, 1, 2, 12, tzinfo=UTC)
RESULT = ended(None, state="SUCCESS").result


def record(made: Transcript | None, result: ResultSummary | None = RESULT, filename: str = "a.wav") -> TranscriptCompleted:
    assert result is not None
    job = ended(None).job.model_copy(update={"filename": filename})
    return TranscriptCompleted(job=job, work_id=WORK_ID, completed_at=AT, cached=False, result=result, transcript=made)


def test_nothing_that_a_name_or_a_text_has_is_a_command_for_the_terminal() -> None:
    segment = Segment(start=0.0, end=1.0, text="red \x1b[31m\nand \x9b2J می‌روم")
    head, line = _lines(record(transcript(AT).model_copy(update={"segments": (segment,)}), filename="a\x1b]0;b\x07\n.wav"))
    assert r"a\x1b]0;b\x07\n.wav" in head
    assert line == "  red [31m and 2J می‌روم"


def test_a_long_text_that_was_corrected_is_resolved_to_the_corrected_one(tmp_path: Path) -> None:
    raw = transcript(AT)
    correction = Correction(version="c" * 64, segments_changed=1, segments_rejected=0, is_complete=True, seconds=0.0)
    corrected = raw.model_copy(update={"text": "Olá, Maria.", "raw_text": raw.text, "correction": correction})
    transcripts = Transcripts(DirectoryStore({"work": tmp_path}), "work")
    transcripts.write(raw)
    assert RESULT is not None
    result = RESULT.model_copy(update={"corrected": transcripts.write_corrected(corrected)})

    assert _resolved(record(None, result), transcripts).transcript == corrected
    assert _resolved(record(None), transcripts).transcript == raw


def test_a_language_is_a_code_or_a_name() -> None:
    assert [_code(text) for text in ("pt", "PT", "Portuguese", "pt-BR")] == ["pt"] * 4
    for wrong in ("Klingon", "auto", ""):
        with pytest.raises(UsageError, match="--language"):
            _code(wrong)
