"""The results of finished chunks that `murmur dev` keeps: for the same work, until it has succeeded or its job is deleted."""

from pathlib import Path
from typing import Any

import pytest

from tests.clips import BY_NAME
from tests.pipeline.client import Client
from tests.pipeline.test_restart import address, logged, outcomes, start
from tests.processes import Process
from tests.waiting import wait_until

LONG = BY_NAME["en-two-minutes.flac"].path
DEBUG = {"MURMUR_LOG_LEVEL": "DEBUG", "MURMUR_LOG_FORMAT": "json"}


def cancelled_halfway(client: Client, **fields: str) -> tuple[str, list[str]]:
    """Its id, and the texts that it had."""
    task = client.submit(LONG, **fields)
    texts = wait_until(lambda: client.status(task)["progress"]["segments"], "the first text") or []
    assert client.cancel(task).status == 202
    assert client.ended(task)["state"] == "REVOKED"
    return task, [segment["text"] for segment in texts]


def files_with(folder: Path, texts: list[str]) -> set[str]:
    """The first parts of the paths of all files that contain one of these texts."""
    found = [path for path in folder.rglob("*") if any(text.encode() in content(path) for text in texts)]
    return {path.relative_to(folder).parts[0] for path in found}


def content(path: Path) -> bytes:
    """Nothing for a folder, and for a file that the running system has removed since it was listed."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return b""


def chunks_of_last_run(process: Process) -> list[dict[str, Any]]:
    lines = logged(process, "chunk.transcribed")
    return [line for line in lines if line["run"] == lines[-1]["run"]]


def test_a_retry_uses_them_and_counts_no_inference_and_a_success_deletes_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with start(data, tmp_path / "log", **DEBUG) as process:
        client = Client(address(process))
        task, texts = cancelled_halfway(client)
        assert files_with(data, texts) == {"chunk-results"}
        retried = client.request("POST", f"/api/jobs/{task}/retry").json["task_id"]
        status = client.ended(retried)
        assert files_with(data, texts) == {"work"}
        spent = [line["inference_s"] for line in chunks_of_last_run(process)]
        deleted = [client.request("DELETE", f"/api/jobs/{one}").status for one in (task, retried)]
    assert "kept" in outcomes(process)
    assert status["timings"]["inference_s"] == pytest.approx(sum(spent), abs=0.001 * len(spent))  # rounded in the log
    assert deleted == [200, 200]
    assert files_with(data, texts) == set()


def test_another_work_does_not_use_them(tmp_path: Path) -> None:
    with start(tmp_path / "data", tmp_path / "log", **DEBUG) as process:
        client = Client(address(process))
        cancelled_halfway(client, max_chunk_s="10")
        assert client.ended(client.submit(LONG, max_chunk_s="9.9"))["state"] == "SUCCESS"
        assert "kept" not in outcomes(process)


def test_after_a_deletion_nothing_contains_the_text(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with start(data, tmp_path / "log", **DEBUG) as process:
        client = Client(address(process))
        task, texts = cancelled_halfway(client)
        assert client.request("DELETE", f"/api/jobs/{task}").status == 200
        assert files_with(data, texts) == set()
        client.ended(client.submit(BY_NAME["pt-command.wav"].path))  # by then the batch that was in progress has ended
        assert not list((data / "chunk-results").rglob("*"))
