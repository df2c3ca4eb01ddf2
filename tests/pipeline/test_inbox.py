"""The inbox folder: a file in the inbox, its transcript in the outbox."""

import shutil
from pathlib import Path

from murmur.dev import Dev
from schemas.topics import TRANSCRIPTS, UPLOADS
from schemas.transcript import TranscriptCompleted
from tests.clips import BY_NAME, word_errors
from tests.pipeline.reading import ended_jobs, records
from tests.waiting import wait_until

FORMATS = ("json", "txt", "srt", "vtt")


def results(outbox: Path, name: str) -> list[Path]:
    return [outbox / f"{name}.{kind}" for kind in FORMATS]


def wait_for_results(outbox: Path, name: str) -> None:
    wait_until(lambda: all(path.is_file() for path in results(outbox, name)), f"the results of {name}")


def test_a_dropped_file_becomes_four_files_named_after_all_of_its_name(inbox: Path, outbox: Path) -> None:
    clip = BY_NAME["en-video.mp4"]
    (inbox / "meetings").mkdir(exist_ok=True)
    shutil.copy(clip.path, inbox / "meetings" / "weekly call.mp4")
    wait_for_results(outbox, "meetings/weekly call.mp4")
    text = (outbox / "meetings" / "weekly call.mp4.txt").read_text()
    assert word_errors(clip.text, text) <= clip.wer_max
    assert (outbox / "meetings" / "weekly call.mp4.vtt").read_text().startswith("WEBVTT")


def test_files_that_differ_only_in_their_extension_do_not_collide(inbox: Path, outbox: Path) -> None:
    shutil.copy(BY_NAME["en-command.wav"].path, inbox / "same.wav")
    shutil.copy(BY_NAME["pt-command.wav"].path, inbox / "same.other.wav")
    wait_for_results(outbox, "same.wav")
    wait_for_results(outbox, "same.other.wav")
    assert (outbox / "same.wav.txt").read_text() != (outbox / "same.other.wav.txt").read_text()


def test_the_same_recording_under_two_names_has_files_under_both(inbox: Path, outbox: Path) -> None:
    for name in ("copy one.mp3", "copy two.mp3"):
        shutil.copy(BY_NAME["pt-meeting-mp3.mp3"].path, inbox / name)
    wait_for_results(outbox, "copy one.mp3")
    wait_for_results(outbox, "copy two.mp3")
    assert (outbox / "copy one.mp3.txt").read_text() == (outbox / "copy two.mp3.txt").read_text() != ""


def test_a_file_that_is_still_being_written_is_not_taken(inbox: Path, outbox: Path, system: Dev) -> None:
    content = BY_NAME["en-numbers.flac"].path.read_bytes()
    with (inbox / "growing.flac").open("wb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        # Another file that comes later and is done first shows that the watcher has looked at this one meanwhile.
        shutil.copy(BY_NAME["en-command.wav"].path, inbox / "meanwhile.wav")
        wait_for_results(outbox, "meanwhile.wav")
        assert not any(path.exists() for path in results(outbox, "growing.flac"))
        file.write(content[len(content) // 2 :])
    wait_for_results(outbox, "growing.flac")
    clip = BY_NAME["en-numbers.flac"]
    assert word_errors(clip.text, (outbox / "growing.flac.txt").read_text()) <= clip.wer_max
    assert len(ended_jobs(system, "growing.flac")) == 1


def test_the_same_event_five_times_is_one_result(inbox: Path, outbox: Path, system: Dev) -> None:
    shutil.copy(BY_NAME["pt-command.wav"].path, inbox / "five.wav")
    wait_for_results(outbox, "five.wav")
    kafka = system.resources.kafka
    event = next(record for record in records(system, UPLOADS) if b"five.wav" in (record.value or b""))
    producer = kafka.producer("test")
    for _ in range(4):
        producer.produce(kafka.name(UPLOADS), key=event.key, value=event.value)
    shutil.copy(BY_NAME["pt-command.wav"].path, inbox / "six.wav")
    producer.flush()
    wait_for_results(outbox, "six.wav")
    assert len(ended_jobs(system, "five.wav")) == 1


def test_a_file_without_sound_fails_and_has_its_reason_beside_where_the_text_would_be(
    inbox: Path, outbox: Path, system: Dev
) -> None:
    (inbox / "letter.mp3").write_text("Dear reader, this is a letter.")
    (inbox / "nothing.mp3").touch()
    for name in ("letter.mp3", "nothing.mp3"):
        wait_until(lambda name=name: ended_jobs(system, name), f"the end of {name}")  # type: ignore[misc]
        job = ended_jobs(system, name)[0]
        assert job.error is not None
        assert job.error.reason in {"unsupported", "empty", "no_audio"}
    assert not any(path.exists() for path in results(outbox, "letter.mp3"))
    wait_until((outbox / "letter.mp3.error.txt").exists, "the reason")
    assert "unsupported" in (outbox / "letter.mp3.error.txt").read_text()
    shutil.copy(BY_NAME["en-command.wav"].path, inbox / "letter.mp3")
    wait_for_results(outbox, "letter.mp3")
    wait_until(lambda: not (outbox / "letter.mp3.error.txt").exists(), "the reason to be removed")


def test_silence_in_the_inbox_has_all_four_files(inbox: Path, outbox: Path) -> None:
    shutil.copy(BY_NAME["silence.flac"].path, inbox / "silence.flac")
    wait_for_results(outbox, "silence.flac")
    assert (outbox / "silence.flac.txt").read_text().strip() == ""


def test_a_subscriber_of_transcripts_reads_the_text(inbox: Path, outbox: Path, system: Dev) -> None:
    shutil.copy(BY_NAME["en-command.wav"].path, inbox / "subscribed.wav")
    wait_for_results(outbox, "subscribed.wav")
    (record,) = [r for r in records(system, TRANSCRIPTS) if b"subscribed.wav" in (r.value or b"")]
    headers = dict(record.headers)
    assert headers["ce_type"] == b"murmur.transcript.completed.v1"
    assert headers["ce_specversion"] == b"1.0"
    assert isinstance(record.event, TranscriptCompleted)
    assert record.event.transcript is not None
    clip = BY_NAME["en-command.wav"]
    assert word_errors(clip.text, record.event.transcript.text) <= clip.wer_max
