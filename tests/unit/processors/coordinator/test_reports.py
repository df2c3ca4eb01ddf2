"""The records about a job."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from processors.coordinator.reports import summary
from schemas.jobs import Job
from schemas.record import ObjectRef
from tests.unit.runtime.test_formats import transcript

DROPPED = ObjectRef(bucket="uploads", key="a.wav")
FOUR = ("a.wav.json", "a.wav.txt", "a.wav.srt", "a.wav.vtt")


@pytest.mark.parametrize(
    ("dropped", "files", "expected"),
    [
        (DROPPED, ("a.wav.srt",), ("a.wav.srt",)),
        (DROPPED, (), FOUR),  # a record of an earlier version
        (None, ("calls/b.wav.txt",), ("calls/b.wav.txt",)),
        (None, (), ()),
    ],
)
def test_the_files_are_those_that_the_request_names(
    dropped: ObjectRef | None, files: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    job = Job(
        job_id=UUID(int=1),
        source="drop" if dropped else "http",
        filename="a.wav",
        dropped=dropped,
        submitted_at=datetime(2026, 1, 1, tzinfo=UTC),
        files=files,
    )
    assert summary(job, transcript(), ObjectRef(bucket="work", key="x")).files == expected
