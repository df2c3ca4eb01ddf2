"""Results of chunks that outlive the process, for later runs of the same work."""

from pathlib import Path

import numpy as np
import pytest

from processors.transcriber.kept_results import KeptResults
from runtime.work_folders import WorkFolders
from schemas.options import DecodingOptions, ModelRef
from tests.unit.processors.transcriber.chunks import CHUNK, RESULT

AUDIO = np.arange(16_000, dtype=np.int16)
ANSWER = RESULT.model_copy(update={"inference_s": 0.0})


@pytest.fixture
def folders(tmp_path: Path) -> WorkFolders:
    folders = WorkFolders(tmp_path / "kept")
    folders.open(CHUNK.work_id)
    return folders


def test_another_process_finds_the_result_for_a_later_run_without_its_seconds_of_inference(folders: WorkFolders) -> None:
    first = KeptResults(folders)
    first.keep(first.path(CHUNK, AUDIO), RESULT)
    assert RESULT.inference_s > 0
    second = KeptResults(WorkFolders(folders.root))
    again = CHUNK.model_copy(update={"run": "0-7", "lane": "interactive"})
    assert second.find(second.path(again, AUDIO)) == ANSWER


def test_another_work_has_no_result_of_the_same_audio(folders: WorkFolders) -> None:
    kept = KeptResults(folders)
    kept.keep(kept.path(CHUNK, AUDIO), RESULT)
    other = CHUNK.model_copy(update={"work_id": "c" * 64})
    folders.open(other.work_id)
    assert kept.find(kept.path(other, AUDIO)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"model": ModelRef(name="demo", revision="2")},
        {"decoding": DecodingOptions(language="pt")},
        {"attempt": 1},
        {"pieces": ((0, 8_000), (9_000, 16_000))},
        {"speech": ((10, 15_000),)},
        {"vad": False},
    ],
)
def test_what_changes_the_text_has_no_result_yet(folders: WorkFolders, change: dict[str, object]) -> None:
    kept = KeptResults(folders)
    kept.keep(kept.path(CHUNK, AUDIO), RESULT)
    assert kept.find(kept.path(CHUNK.model_copy(update=change), AUDIO)) is None
    assert kept.find(kept.path(CHUNK, AUDIO[::-1])) is None


def test_a_batch_that_ends_after_the_deletion_of_its_work_leaves_nothing(folders: WorkFolders) -> None:
    kept = KeptResults(folders)
    path = kept.path(CHUNK, AUDIO)
    kept.keep(path, RESULT)
    folders.delete(CHUNK.work_id)
    assert kept.find(path) is None
    kept.keep(path, RESULT)
    assert folders.root is not None
    assert list(folders.root.rglob("*")) == []


def test_the_oldest_go_first_and_half_a_result_is_none(folders: WorkFolders) -> None:
    kept = KeptResults(folders, kept_max=2)
    paths = [kept.path(CHUNK, AUDIO[:length]) for length in (1, 2, 3)]
    for path in paths:
        kept.keep(path, RESULT)
    assert [kept.find(path) for path in paths] == [None, ANSWER, ANSWER]
    assert paths[1] is not None
    paths[1].write_text("{")
    assert kept.find(paths[1]) is None


def test_results_of_deleted_works_do_not_count_as_the_oldest(folders: WorkFolders) -> None:
    kept = KeptResults(folders, kept_max=2)
    first = kept.path(CHUNK, AUDIO)
    kept.keep(first, RESULT)
    other = CHUNK.model_copy(update={"work_id": "c" * 64})
    for _ in range(3):
        folders.open(other.work_id)
        kept.keep(kept.path(other, AUDIO), RESULT)
        folders.delete(other.work_id)
    assert kept.find(first) == ANSWER


def test_without_a_root_nothing_is_kept() -> None:
    kept = KeptResults(WorkFolders(None))
    kept.keep(kept.path(CHUNK, AUDIO), RESULT)
    assert kept.find(kept.path(CHUNK, AUDIO)) is None
