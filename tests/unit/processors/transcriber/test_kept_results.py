"""Results of chunks that outlive the process."""

from pathlib import Path

import numpy as np
import pytest

from processors.transcriber.kept_results import KeptResults
from schemas.options import DecodingOptions, ModelRef
from tests.unit.processors.transcriber.chunks import CHUNK, RESULT

AUDIO = np.arange(16_000, dtype=np.int16)


def test_another_process_finds_the_result_of_another_run(tmp_path: Path) -> None:
    first = KeptResults(tmp_path / "kept")
    first.keep(first.name(CHUNK, AUDIO), RESULT)
    second = KeptResults(tmp_path / "kept")
    again = CHUNK.model_copy(update={"run": "0-7", "work_id": "c" * 64, "lane": "interactive"})
    assert second.find(second.name(again, AUDIO)) == RESULT


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
def test_what_changes_the_text_has_no_result_yet(tmp_path: Path, change: dict[str, object]) -> None:
    kept = KeptResults(tmp_path)
    kept.keep(kept.name(CHUNK, AUDIO), RESULT)
    assert kept.find(kept.name(CHUNK.model_copy(update=change), AUDIO)) is None
    assert kept.find(kept.name(CHUNK, AUDIO[::-1])) is None


def test_the_oldest_go_first_and_half_a_result_is_none(tmp_path: Path) -> None:
    kept = KeptResults(tmp_path, kept_max=2)
    for name in ("1", "2", "3"):
        kept.keep(name, RESULT)
    assert [kept.find(name) for name in ("1", "2", "3")] == [None, RESULT, RESULT]
    (tmp_path / "2").write_text("{")
    assert kept.find("2") is None


def test_without_a_folder_nothing_is_kept() -> None:
    kept = KeptResults(None)
    kept.keep(kept.name(CHUNK, AUDIO), RESULT)
    assert kept.find(kept.name(CHUNK, AUDIO)) is None
