"""A file in the inbox that is overwritten while it is read: no transcript is of a mixture."""

import shutil
import wave
from pathlib import Path

from murmur.dev import Dev
from tests.clips import BY_NAME, word_errors
from tests.pipeline.client import Client
from tests.pipeline.reading import ended_jobs
from tests.waiting import wait_until

SILENCE_S = 30 * 60


def long_talk(path: Path) -> None:
    """A command, half an hour of silence, and the command again: takes seconds to read, and little to transcribe."""
    with wave.open(str(BY_NAME["en-command.wav"].path)) as clip:
        parameters, spoken = clip.getparams(), clip.readframes(clip.getnframes())
    with wave.open(str(path), "wb") as talk:
        talk.setparams(parameters)
        talk.writeframes(spoken)
        for _ in range(SILENCE_S):
            talk.writeframes(bytes(parameters.framerate * parameters.sampwidth * parameters.nchannels))
        talk.writeframes(spoken)


def test_a_file_that_is_copied_over_while_it_is_read(
    inbox: Path, outbox: Path, system: Dev, client: Client, tmp_path: Path
) -> None:
    original, other = tmp_path / "original.wav", BY_NAME["pt-command.wav"]
    long_talk(original)
    shutil.copyfile(original, tmp_path / "talk.wav")
    (tmp_path / "talk.wav").replace(inbox / "talk.wav")
    started = "/api/jobs?limit=500&state=STARTED"
    wait_until(
        lambda: any(job["filename"] == "talk.wav" for job in client.request("GET", started).json["jobs"]), "it is read", 30
    )
    shutil.copyfile(other.path, inbox / "talk.wav")

    wait_until((outbox / "talk.wav.txt").exists, "the text of the new content")
    assert word_errors(other.text, (outbox / "talk.wav.txt").read_text()) <= other.wer_max
    first, second = sorted(ended_jobs(system, "talk.wav"), key=lambda job: job.job.submitted_at)
    # Cancelled, because a later version has overwritten it; or the reader was first to find that out.
    assert first.state == "REVOKED" or (first.error is not None and first.error.reason == "content_changed")
    assert second.state == "SUCCESS"
    status = client.ended(client.submit(original))
    assert status["result"]["transcription"]["duration"] > SILENCE_S
    assert status["result"]["cached"] is False
