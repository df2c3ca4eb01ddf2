"""`murmur dev` stopped or killed and started again on the same data."""

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

from tests.clips import BY_NAME, without_samples, word_errors
from tests.contract.webhooks.receiver import Receiver
from tests.ended import SECRET
from tests.pipeline.client import Client
from tests.processes import Murmur, Process
from tests.waiting import wait_until

READY = "murmur is ready: "
KILLS = 20
DROPS = ("en-command.wav", "pt-command.wav", "en-numbers.flac", "en-video.mp4", "pt-aac.m4a")


def start(data: Path, log: Path, **more: str) -> Process:
    settings = {"MURMUR_MODEL": "demo", "MURMUR_DATA_DIR": str(data), "MURMUR_GATEWAY_PORT": "0", "MURMUR_SETTLE_S": "0.1"}
    environment = {**settings, **more}
    return Murmur(log.parent, environment).start("dev", log=log.name)


def address(process: Process) -> str:
    wait_until(lambda: process.printed(READY), "murmur dev to be ready")
    return process.output().rpartition(READY)[2].split()[0]


def ended_today(client: Client) -> tuple[int, int]:
    """Succeeded and failed, by the metrics sink."""
    states = client.request("GET", "/api/stats").json["windows"]["day"]["by"]["state"]
    return states.get("SUCCESS", {}).get("jobs", 0), states.get("FAILURE", {}).get("jobs", 0)


def test_ended_jobs_answer_as_before_and_ctrl_c_ends_it_in_order(tmp_path: Path) -> None:
    clip = BY_NAME["en-command.wav"]
    with start(tmp_path / "data", tmp_path / "first.log") as first:
        client = Client(address(first))
        done, failed = client.submit(clip.path), str(client.post("a.wav", without_samples()).json["task_id"])
        before = [client.ended(done), client.ended(failed)]
        wait_until(lambda: ended_today(client) == (1, 1), "both jobs in the figures")
        assert first.interrupt() == 0
    with start(tmp_path / "data", tmp_path / "second.log") as second:
        client = Client(address(second))
        assert [client.status(done), client.status(failed)] == before
        wait_until(lambda: ended_today(client) == (1, 1), "both jobs in the figures again")
        again = client.ended(client.submit(clip.path))
        assert again["result"]["cached"] is True


def test_a_webhook_that_was_not_delivered_or_is_to_be_sent_again_is_sent_by_the_next_process(tmp_path: Path) -> None:
    """A receiver that has asked for a pause gets nothing more from the first process."""
    delays_s = "0,5,5,5,5,5,5,5,5,86400"  # the longest is how long a receiver can ask for a pause
    settings = {"MURMUR_WEBHOOK_SECRET": SECRET, "MURMUR_WEBHOOK_ALLOW_PRIVATE": "true", "MURMUR_WEBHOOK_DELAYS_S": delays_s}
    with Receiver() as away:
        url = away.url("/ok")
    with Receiver() as pausing:
        with start(tmp_path / "data", tmp_path / "first.log", **settings) as first:
            client = Client(address(first))
            task = client.submit(BY_NAME["en-command.wav"].path, webhook_url=url)
            wait_until(lambda: first.printed("webhook.failed"), "the first attempt, which nobody answers")
            client.submit(BY_NAME["en-command.wav"].path, webhook_url=pausing.url("/later"))
            wait_until(lambda: first.output().count("outcome=failed") == 1, "the answer of the other receiver")
            again = pausing.got[0].webhook_id
            assert client.request("POST", f"/api/webhook-deliveries/{again}/resend").status == 202
            first.kill()
        with Receiver(port=away.server_port) as back, start(tmp_path / "data", tmp_path / "second.log", **settings):
            (got,) = back.wait("/ok", 1)
            assert [each.webhook_id for each in pausing.wait("/later", 2)] == [again, again]
    assert got.webhook_id == f"msg_{task}_success"


def test_a_damaged_view_is_restored_with_one_line_and_no_traceback(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with start(data, tmp_path / "first.log") as first:
        client = Client(address(first))
        task = client.submit(BY_NAME["en-command.wav"].path)
        before = client.ended(task)
        assert first.interrupt() == 0
    (data / "gateway" / "view.sqlite3").write_bytes(b"no database" * 1000)
    with start(data, tmp_path / "second.log") as second:
        assert Client(address(second)).status(task) == before
    log = (tmp_path / "second.log").read_text()
    assert log.count("view.rebuilt") == 1
    assert "Traceback" not in log


def test_an_inbox_file_that_was_done_is_neither_done_nor_written_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    inbox, outbox = data / "inbox", data / "transcripts"
    inbox.mkdir(parents=True)
    shutil.copy(BY_NAME["en-command.wav"].path, inbox / "old.wav")
    (inbox / "junk.mp3").write_bytes(b"no sound at all" * 9)
    old = [outbox / f"old.wav.{kind}" for kind in ("json", "txt", "srt", "vtt")]
    with start(data, tmp_path / "first.log") as first:
        client = Client(address(first))
        wait_until(lambda: all(path.exists() for path in old), "the results")
        wait_until(lambda: client.request("GET", "/api/jobs?state=FAILURE").json["jobs"], "the end of the junk")
        before = jobs_of(client)
        assert first.interrupt() == 0
    written = [path.stat().st_mtime_ns for path in old]
    half = data / "work" / "uploads"
    half.mkdir(exist_ok=True)
    (half / ".murmur-0123456789abcdef.part").write_bytes(b"half an upload")
    with start(data, tmp_path / "second.log") as second:
        client = Client(address(second))
        shutil.copy(BY_NAME["pt-command.wav"].path, inbox / "new.wav")
        wait_until((outbox / "new.wav.vtt").exists, "the new file's results")  # by then the old ones were looked at
        assert [job for job in jobs_of(client) if job["filename"] != "new.wav"] == before
    assert [path.stat().st_mtime_ns for path in old] == written
    assert not list(half.glob(".murmur-*"))


def test_result_files_that_were_deleted_are_written_again_if_their_input_is_still_there(tmp_path: Path) -> None:
    data = tmp_path / "data"
    inbox, outbox = data / "inbox", data / "transcripts"
    (inbox / "calls").mkdir(parents=True)
    debug = {"MURMUR_LOG_LEVEL": "DEBUG", "MURMUR_LOG_FORMAT": "json"}
    for name in ("calls/a.wav", "b.wav", "removed.wav"):
        shutil.copy(BY_NAME["en-command.wav"].path, inbox / name)
    with start(data, tmp_path / "first.log", **debug) as first:
        client = Client(address(first))
        wait_until(lambda: len(ended(client)) == 3, "all jobs")
        wait_until(lambda: len([*outbox.rglob("*.*.*")]) == 12, "all results")
        before = jobs_of(client)
        assert first.interrupt() == 0
    complete = (outbox / "b.wav.txt").stat().st_mtime_ns
    shutil.rmtree(outbox / "calls")
    (outbox / "removed.wav.srt").unlink()
    (inbox / "removed.wav").unlink()
    with start(data, tmp_path / "second.log", **debug) as second:
        wait_until(lambda: len([*(outbox / "calls").glob("a.wav.*")]) == 4, "the deleted files")
        assert jobs_of(Client(address(second))) == before
        assert "file.announced" not in second.output()
        assert "job.ended" not in second.output()
        assert [line["rewritten"] for line in logged(second, "jobs.restored")] == [1]
    assert (outbox / "b.wav.txt").stat().st_mtime_ns == complete
    assert not (outbox / "removed.wav.srt").exists()


def ended(client: Client) -> list[dict[str, object]]:
    return [job for job in jobs_of(client) if job["ended_at"]]


def jobs_of(client: Client) -> list[dict[str, object]]:
    jobs: list[dict[str, object]] = client.request("GET", "/api/jobs?limit=500").json["jobs"]
    return jobs


def test_a_job_in_progress_at_a_kill_continues_at_once_and_what_was_cancelled_stays_so(tmp_path: Path) -> None:
    clip = BY_NAME["en-two-minutes.flac"]
    with start(tmp_path / "data", tmp_path / "first.log") as first:
        client = Client(address(first))
        task, unwanted = client.submit(clip.path), client.submit(clip.path, language="en")
        wait_until(lambda: client.status(task)["progress"]["segments"], "the first text")
        assert client.cancel(unwanted).status == 202
        first.kill()
    with start(tmp_path / "data", tmp_path / "second.log") as second:
        client = Client(address(second))
        assert client.ended(unwanted)["state"] == "REVOKED"
        status = client.ended(task)
    assert status["state"] == "SUCCESS"
    assert word_errors(clip.text, status["result"]["transcription"]["text"]) <= clip.wer_max


def logged(process: Process, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in process.output().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def outcomes(process: Process) -> list[str]:
    """Of chunks, in the order of their ends."""
    return [line["outcome"] for line in logged(process, "chunk.transcribed")]


def test_after_a_kill_no_finished_chunk_is_transcribed_and_no_file_with_a_job_announced_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "inbox").mkdir(parents=True)
    shutil.copy(BY_NAME["en-command.wav"].path, data / "inbox" / "done.wav")
    debug = {"MURMUR_LOG_LEVEL": "DEBUG", "MURMUR_LOG_FORMAT": "json"}
    with start(data, tmp_path / "first.log", **debug) as first:
        client = Client(address(first))
        wait_until((data / "transcripts" / "done.wav.vtt").exists, "the results")
        task = client.submit(BY_NAME["en-two-minutes.flac"].path)
        wait_until(lambda: client.status(task)["progress"]["segments"], "the first text")
        first.kill()
        finished = outcomes(first).count("transcribed") - outcomes(first)[:1].count("transcribed")  # without done.wav
        assert "file.announced" in first.output()
    assert finished > 0
    with start(data, tmp_path / "second.log", **debug) as second:
        assert Client(address(second)).ended(task)["state"] == "SUCCESS"
        assert outcomes(second).count("kept") >= finished  # one may be kept and not logged yet
        assert "file.announced" not in second.output()


def test_twenty_kills_while_files_drop_in_leave_exactly_one_right_transcript_for_each(tmp_path: Path) -> None:
    seed = 20261121
    chance = random.Random(seed)
    inbox, outbox = tmp_path / "data" / "inbox", tmp_path / "data" / "transcripts"
    inbox.mkdir(parents=True)
    dropped: dict[str, str] = {}
    for run in range(KILLS + 1):
        with start(tmp_path / "data", tmp_path / f"{run}.log") as process:
            if run == KILLS:
                results = [outbox / f"{name}.{kind}" for name in dropped for kind in ("json", "txt", "srt", "vtt")]
                client = Client(address(process))
                wait_until(lambda results=results: all(path.exists() for path in results), "all results")  # type: ignore[misc]
                # Results may be older than the state of their job: it was killed in between.
                wait_until(lambda client=client: all(job["ended_at"] for job in listed(client)), "all states")  # type: ignore[misc]
                jobs = listed(client)
                break
            clip = DROPS[run % len(DROPS)]
            name = f"{run}-{clip}"
            shutil.copy(BY_NAME[clip].path, inbox / name)
            dropped[name] = clip
            until_s = time.monotonic() + chance.uniform(0.3, 4.0)
            wait_until(lambda until_s=until_s: time.monotonic() > until_s, "the moment of the kill")  # type: ignore[misc]
            process.kill()
    texts = {name: (outbox / f"{name}.txt").read_text() for name in dropped}
    wrong = {n: t for n, t in texts.items() if word_errors(BY_NAME[dropped[n]].text, t) > BY_NAME[dropped[n]].wer_max}
    assert not wrong, f"seed {seed}: {wrong}"
    assert sorted(outbox.iterdir()) == sorted(results)
    assert sorted((job["filename"], job["state"]) for job in jobs) == sorted((name, "SUCCESS") for name in dropped)


def listed(client: Client) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = client.request("GET", "/api/jobs?limit=500").json["jobs"]
    return jobs
