"""The list of jobs on a terminal."""

from datetime import UTC
from typing import Any

from murmur.cli.job_table import lines

TASK = "0b0c7d3e-5a0e-4f3c-9a54-0d1d2c3b4a59"


def job(**given: Any) -> dict[str, Any]:
    document = {"task_id": TASK, "filename": "talk.mp4", "state": "SUCCESS", "share": 1.0, "duration": 3725.4}
    return {**document, "submitted_at": "2026-11-26T02:11:25.123456Z", **given}


def test_columns_are_aligned_under_their_headings() -> None:
    heading, first, second = lines([job(), job(state="STARTED", share=0.4, duration=None)], UTC)
    assert heading.split() == ["TASK", "ID", "SUBMITTED", "AUDIO", "STATE", "FILE"]
    assert first.split() == [TASK, "2026-11-26", "02:11:25", "1:02:05", "SUCCESS", "talk.mp4"]
    assert second.split() == [TASK, "2026-11-26", "02:11:25", "STARTED", "40%", "talk.mp4"]
    assert first.index("SUCCESS") == second.index("STARTED") == heading.index("STATE")


def test_without_jobs_there_are_only_the_headings() -> None:
    assert len(list(lines([]))) == 1


def test_a_name_cannot_write_to_the_terminal() -> None:
    assert list(lines([job(filename="a\n\x1b[2J")], UTC))[1].endswith("a\\n\\x1b[2J")
