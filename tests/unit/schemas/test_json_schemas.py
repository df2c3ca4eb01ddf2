"""The committed JSON Schemas say the same as the codec: what murmur writes, a reader in any language can check."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import jsonschema
import orjson
import pytest

from schemas import codec
from schemas.jobs import CancelRequested
from schemas.record import Failure, Record
from schemas.warning import TranscriptWarning
from schemas.work import AudioInfo, SliceOpened, WorkFailed, WorkReported
from schemas.worker import WorkerDevice, WorkerModel, WorkerReported

FOLDER = Path(__file__).resolve().parents[3] / "schemas" / "json"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LOST = TranscriptWarning(code="lost", message="5.0 s of audio are missing", start=0.2, end=5.2)
INFO = AudioInfo(container="ogg", codec="opus", sample_rate_hz=48_000, channels=1, warnings=(LOST,))
BASE = WorkerModel(name="base", revision="1", state="loaded", device="cuda", loads=1, load_s=0.4, windows=7, memory_bytes=9)
GPU = WorkerDevice(
    id=0, uuid="GPU-1", name="a GPU", compute_capability="9.0", total_bytes=100, free_bytes=60, used_bytes=40, allocated_bytes=9
)
RECORDS = [
    CancelRequested(job_id=UUID(int=7), work_id="ab" * 32, requested_at=NOON),
    WorkReported(work_id="ab" * 32, run="0-1", event=WorkFailed(failure=Failure(reason="empty", message="0 bytes"))),
    WorkReported(work_id="ab" * 32, run="0-1", event=SliceOpened(audio_info=INFO)),
    WorkerReported(worker_id="here", at=NOON, models=(BASE,), devices=(GPU,)),
]


def schema(record: Record) -> dict[str, object]:
    loaded: dict[str, object] = orjson.loads((FOLDER / f"{record.TYPE}.v{record.VERSION}.json").read_bytes())
    return loaded


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_a_schema_is_valid_and_named_after_its_type(file: Path) -> None:
    loaded = orjson.loads(file.read_bytes())
    jsonschema.Draft202012Validator.check_schema(loaded)
    assert loaded["$id"] == f"urn:murmur:{file.stem.replace('.', ':')}"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.TYPE)
def test_what_is_written_is_valid_by_its_schema(record: Record) -> None:
    jsonschema.validate(orjson.loads(codec.encode(record)), schema(record))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.TYPE)
def test_a_field_of_a_newer_version_is_valid_too(record: Record) -> None:
    jsonschema.validate({**orjson.loads(codec.encode(record)), "new": [1]}, schema(record))


def test_another_version_and_a_wrong_field_are_not_valid() -> None:
    good = orjson.loads(codec.encode(RECORDS[0]))
    for bad in ({**good, "version": 2}, {**good, "work_id": "short"}, {"version": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema(RECORDS[0]))
