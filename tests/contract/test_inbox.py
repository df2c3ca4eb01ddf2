"""Watcher, reconciler and intake around the embedded broker and a real folder: which files become jobs, and when."""

import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from processors import intake
from processors.intake.events import Dropped, normalise
from producers import reconciler, watcher
from producers.announcer import Announcer
from runtime.errors import UsageError
from runtime.kafka.embedded import EmbeddedBroker
from runtime.kafka.follower import Follower
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources, Stage
from runtime.settings import Settings
from schemas.jobs import JobRequested
from schemas.topics import REQUESTS, UPLOADS
from tests.waiting import DEADLINE_S

linux = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")


class Inbox:
    """An inbox folder, and the records that it caused."""

    def __init__(self, resources: Resources, folder: Path) -> None:
        self.resources = resources
        self.folder = folder
        self._follower = Follower(resources.kafka, [UPLOADS, REQUESTS])
        self.announced: Counter[str] = Counter()
        self.requested: Counter[str] = Counter()

    def until(self, condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline_s, (self.announced, self.requested)
            for record in self._follower.poll(0.05):
                if isinstance(record.event, JobRequested):
                    self.requested[record.event.work.audio.key] += 1
                else:
                    self.announced.update(event.keys[0] for event in normalise(record.value) if isinstance(event, Dropped))

    def drop(self, key: str, content: bytes = b"speech", age_s: float = 0.0) -> Path:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if age_s:
            os.utime(path, (time.time() - age_s, time.time() - age_s))
        return path

    def pass_a_file(self, key: str) -> None:
        """Drops a file and waits until it is announced: whatever rested before would have been announced by then."""
        self.drop(key)
        self.until(lambda: self.announced[key] > 0)

    def close(self) -> None:
        self._follower.close()


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    store = DirectoryStore({name: tmp_path / name for name in ("uploads", "work", "results")})
    store.create()
    settings = Settings(model="demo", settle_s=0.1, settle_grown_s=0.3, reconcile_interval_s=0.3)
    with EmbeddedBroker() as broker:
        inbox = Inbox(Resources(settings, broker.kafka(), store, catalogue.resolve("demo")), tmp_path / "uploads")
        yield inbox
        inbox.close()


@contextmanager
def running(*stages: Stage) -> Iterator[None]:
    """The stages are ready; what ended one of them is raised here."""
    failures: list[BaseException] = []

    def run(stage: Stage) -> None:
        try:
            stage.run()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(stage,)) for stage in stages]
    for thread in threads:
        thread.start()
    try:
        deadline_s = time.monotonic() + DEADLINE_S
        while any(stage.not_ready() for stage in stages) and not failures:
            assert time.monotonic() < deadline_s, [stage.not_ready() for stage in stages]
            threads[0].join(0.02)
        yield
    finally:
        for stage in stages:
            stage.stop()
        for thread in threads:
            thread.join(DEADLINE_S)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def watched(inbox: Inbox) -> Iterator[Inbox]:
    with running(watcher.build(inbox.resources)):
        yield inbox


def test_what_is_there_at_the_start_is_announced(inbox: Inbox) -> None:
    for key in ("a.wav", "sub/folder/Запись 🎙️.wav", "old.wav"):
        inbox.drop(key, age_s=3600)
    with running(watcher.build(inbox.resources)):
        inbox.until(lambda: sum(inbox.announced.values()) >= 3)
    assert inbox.announced == {"a.wav": 1, "sub/folder/Запись 🎙️.wav": 1, "old.wav": 1}


def test_a_dropped_file_is_announced_once(watched: Inbox) -> None:
    watched.drop("a.wav")
    watched.until(lambda: watched.announced["a.wav"] > 0)
    (watched.folder / "a.wav").chmod(0o600)
    (watched.folder / "a.wav").read_bytes()
    watched.pass_a_file("later.wav")
    assert watched.announced["a.wav"] == 1


@linux
def test_a_file_still_being_written_is_not_taken_however_long_its_writer_pauses(watched: Inbox) -> None:
    with (watched.folder / "slow.wav").open("wb") as writer:
        for number in range(3):
            writer.write(b"a part of it")
            writer.flush()
            watched.pass_a_file(f"during-{number}.wav")
            watched.pass_a_file(f"after-{number}.wav")
        assert watched.announced["slow.wav"] == 0
    watched.until(lambda: watched.announced["slow.wav"] == 1)


def test_a_file_that_changes_later_is_announced_again(watched: Inbox) -> None:
    watched.drop("a.wav")
    watched.until(lambda: watched.announced["a.wav"] == 1)
    watched.drop("a.wav", b"other speech")
    watched.until(lambda: watched.announced["a.wav"] == 2)


@pytest.fixture
def patient(inbox: Inbox) -> Iterator[Inbox]:
    """A file that grows is never announced."""
    settings = inbox.resources.settings.model_copy(update={"settle_grown_s": 3600.0})
    with running(watcher.build(replace(inbox.resources, settings=settings))):
        yield inbox


@linux
def test_a_larger_copy_over_a_file_does_not_wait_as_a_growing_file_does(patient: Inbox) -> None:
    patient.drop("a.wav", b"speech")
    patient.until(lambda: patient.announced["a.wav"] == 1)
    patient.drop("a.wav", b"another and longer speech")
    patient.until(lambda: patient.announced["a.wav"] == 2)
    with (patient.folder / "a.wav").open("ab") as more:
        more.write(b", continued")
    patient.pass_a_file("later.wav")
    assert patient.announced["a.wav"] == 2


def test_a_file_that_is_shorter_than_its_header_states_is_not_complete(patient: Inbox) -> None:
    half = b"RIFF" + (1000).to_bytes(4, "little") + b"WAVE"
    patient.drop("a.wav", half)
    patient.pass_a_file("later.wav")
    patient.drop("a.wav", half + bytes(500))
    patient.pass_a_file("later still.wav")
    assert patient.announced["a.wav"] == 0
    patient.drop("b.wav", half + bytes(1000 - 4)).replace(patient.folder / "a.wav")
    patient.until(lambda: patient.announced["a.wav"] == 1)


def test_files_renamed_into_place_are_seen_and_their_halves_are_not(watched: Inbox, tmp_path: Path) -> None:
    watched.drop("a.mp4.crdownload")
    watched.drop(".b.wav.Xy12")
    (tmp_path / "c.wav").write_bytes(b"speech")
    watched.pass_a_file("later.wav")
    assert set(watched.announced) == {"later.wav"}
    (watched.folder / "a.mp4.crdownload").rename(watched.folder / "a.mp4")
    (watched.folder / ".b.wav.Xy12").rename(watched.folder / "b.wav")
    (tmp_path / "c.wav").rename(watched.folder / "c.wav")
    watched.until(lambda: {"a.mp4", "b.wav", "c.wav"} <= set(watched.announced))


def test_a_folder_moved_in_brings_all_that_is_in_it(watched: Inbox, tmp_path: Path) -> None:
    for name in ("1.wav", "deep/er/2.wav", ".hidden/3.wav"):
        path = tmp_path / "calls" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"speech")
    (tmp_path / "calls").rename(watched.folder / "calls")
    watched.until(lambda: {"calls/1.wav", "calls/deep/er/2.wav"} <= set(watched.announced))
    watched.drop("calls/deep/er/3.wav")
    watched.until(lambda: watched.announced["calls/deep/er/3.wav"] == 1)
    assert "calls/.hidden/3.wav" not in watched.announced


def test_pipes_sockets_folders_and_links_are_not_files(watched: Inbox, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.wav").write_bytes(b"secret")
    (watched.folder / "link.wav").symlink_to(tmp_path / "elsewhere.wav")
    (watched.folder / "folder.wav").mkdir()
    os.mkfifo(watched.folder / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(watched.folder / "socket.wav"))
        watched.pass_a_file("later.wav")
    assert set(watched.announced) == {"later.wav"}


def test_an_empty_file_that_is_filled_is_announced_when_it_is_full(inbox: Inbox) -> None:
    """With ten seconds of rest for an empty file: on a busy machine the other file takes one second."""
    patient = replace(inbox.resources, settings=inbox.resources.settings.model_copy(update={"settle_s": 1.0}))
    with running(watcher.build(patient)):
        inbox.drop("a.wav", b"")
        inbox.pass_a_file("later.wav")
        assert inbox.announced["a.wav"] == 0
        inbox.drop("a.wav", b"speech")
        inbox.until(lambda: inbox.announced["a.wav"] == 1)


def test_a_file_that_stays_empty_is_announced_in_the_end(watched: Inbox) -> None:
    watched.drop("a.wav", b"")
    watched.until(lambda: watched.announced["a.wav"] == 1)


def test_a_removed_folder_is_watched_again_when_it_is_back(watched: Inbox, tmp_path: Path) -> None:
    watched.pass_a_file("before.wav")
    watched.folder.rename(tmp_path / "away")
    (tmp_path / "away" / "meanwhile.wav").write_bytes(b"speech")
    (tmp_path / "away").rename(watched.folder)
    watched.until(lambda: watched.announced["meanwhile.wav"] == 1)
    watched.folder.rename(tmp_path / "away")
    watched.folder.mkdir()
    watched.drop("after.wav")
    watched.until(lambda: watched.announced["after.wav"] == 1)


def test_a_hundred_files_at_once_are_each_announced_once(watched: Inbox) -> None:
    for number in range(100):
        watched.drop(f"{number % 7}/{number}.wav")
    watched.until(lambda: len(watched.announced) >= 100)
    watched.pass_a_file("later.wav")
    assert set(watched.announced.values()) == {1}


def test_a_drop_becomes_a_request(inbox: Inbox) -> None:
    with running(watcher.build(inbox.resources), intake.build(inbox.resources)):
        inbox.drop("calls/a.wav")
        inbox.until(lambda: inbox.requested["calls/a.wav"] == 1)


def test_objects_whose_events_were_lost_get_their_jobs_and_each_is_announced_once(inbox: Inbox) -> None:
    inbox.drop("lost.wav", age_s=60)
    with running(intake.build(inbox.resources), reconciler.build(inbox.resources)):
        inbox.until(lambda: inbox.requested["lost.wav"] == 1)
        for number in range(3):  # as many rounds more
            inbox.drop(f"later-{number}.wav", age_s=60)
            inbox.until(lambda number=number: inbox.requested[f"later-{number}.wav"] == 1)  # type: ignore[misc]
    assert set(inbox.announced.values()) == {1}


def test_a_new_reconciler_does_not_announce_what_has_its_job(inbox: Inbox) -> None:
    inbox.drop("a.wav", age_s=60)
    before = repairs()
    with running(intake.build(inbox.resources)):
        for key in ("a.wav", "b.wav", "c.wav"):
            inbox.drop(key, age_s=60)
            assert reconciler.reconcile_once(inbox.resources, timedelta(days=30)) == 1
        inbox.until(lambda: sum(inbox.requested.values()) >= 3 and sum(inbox.announced.values()) >= 3)
    assert inbox.announced == {"a.wav": 1, "b.wav": 1, "c.wav": 1}
    assert repairs() - before == 3


def repairs() -> float:
    """As the alert on repairs counts them."""
    return REGISTRY.get_sample_value("murmur_files_announced_total", {"stage": "reconciler"}) or 0.0


def test_a_new_watcher_does_not_announce_what_has_its_job(inbox: Inbox) -> None:
    with running(watcher.build(inbox.resources), intake.build(inbox.resources)):
        for key in ("a.wav", "b.wav"):
            inbox.drop(key)
        inbox.until(lambda: inbox.requested["a.wav"] == inbox.requested["b.wav"] == 1)
    inbox.drop("b.wav", b"other speech")
    with running(watcher.build(inbox.resources)):
        inbox.until(lambda: inbox.announced["b.wav"] == 2)
        inbox.pass_a_file("later.wav")
    assert inbox.announced == {"a.wav": 1, "b.wav": 2, "later.wav": 1}


def test_what_had_its_job_in_the_last_process_is_not_announced_again(inbox: Inbox) -> None:
    inbox.drop("a.wav", age_s=60)
    inbox.drop("b.wav", age_s=60)
    drops = tuple(inbox.resources.objects.head("uploads", key).ref for key in ("a.wav", "b.wav"))
    os.utime(inbox.drop("b.wav", b"hceeps"), ns=(0, int((drops[1].etag or "").partition("-")[2], 16)))  # the same eTag
    again = replace(inbox.resources, earlier_drops=drops)
    with running(watcher.build(again), reconciler.build(again), intake.build(again)):
        inbox.until(lambda: inbox.announced["b.wav"] == 1)
        inbox.pass_a_file("later.wav")
    assert inbox.announced == {"b.wav": 1, "later.wav": 1}


def test_nothing_is_announced_before_intake_has_passed_the_events_that_were_there(inbox: Inbox) -> None:
    store = inbox.resources.objects
    inbox.drop("a.wav", age_s=60)
    Announcer(inbox.resources.kafka, "store").announce(
        [store.head("uploads", "a.wav")], store.head("uploads", "a.wav").modified_at, threading.Event()
    )
    with ExitStack() as stages:
        stages.enter_context(running(reconciler.build(inbox.resources)))  # it has listed the bucket, and sees no job
        stages.enter_context(running(intake.build(inbox.resources)))
        inbox.until(lambda: inbox.requested["a.wav"] == 1)
        inbox.drop("b.wav", age_s=60)
        inbox.until(lambda: inbox.requested["b.wav"] == inbox.announced["b.wav"] == 1)
    assert inbox.announced == {"a.wav": 1, "b.wav": 1}


@linux
def test_a_file_still_being_written_has_lost_no_event(inbox: Inbox) -> None:
    with running(intake.build(inbox.resources), reconciler.build(inbox.resources)):
        with inbox.drop("slow.wav", age_s=60).open("ab"):
            inbox.drop("whole.wav", age_s=60)
            inbox.until(lambda: inbox.requested["whole.wav"] == 1)
            assert inbox.announced["slow.wav"] == 0
        inbox.until(lambda: inbox.requested["slow.wav"] == 1)


def test_a_round_is_due_at_once_when_the_store_is_back(inbox: Inbox, tmp_path: Path) -> None:
    settings = inbox.resources.settings.model_copy(update={"reconcile_interval_s": 3600.0})
    resources = Resources(settings, inbox.resources.kafka, inbox.resources.objects, inbox.resources.model)
    stage = reconciler.build(resources)
    with running(intake.build(resources), stage):
        inbox.folder.rename(tmp_path / "away")
        inbox.until(lambda: stage.not_ready() is not None)
        (tmp_path / "away" / "meanwhile.wav").write_bytes(b"speech")
        os.utime(tmp_path / "away" / "meanwhile.wav", (time.time() - 60, time.time() - 60))
        (tmp_path / "away").rename(inbox.folder)
        inbox.until(lambda: inbox.requested["meanwhile.wav"] == 1)


def test_a_store_that_is_not_a_folder_cannot_be_watched(inbox: Inbox) -> None:
    class Bucket:
        """Not a directory."""

    resources = Resources(inbox.resources.settings, inbox.resources.kafka, Bucket(), inbox.resources.model)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="MURMUR_STORE=directory"):
        watcher.build(resources)
