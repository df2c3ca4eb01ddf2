"""The same content uploaded again: one object in the store, as long as it is certainly not being removed."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from producers.gateway.submission.shared_uploads import SharedUploads
from runtime.objects import keys
from runtime.objects.directory import DirectoryStore
from runtime.retention import MARGIN_S, REUSE_MAX_S, upload_reuse_s
from runtime.settings import Settings
from schemas.record import ObjectRef

AUDIO = "a" * 64


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    made = DirectoryStore({"work": tmp_path / "work"})
    made.create()
    return made


def uploads(store: DirectoryStore, reuse_s: float = 3600.0) -> SharedUploads:
    return SharedUploads(store, "work", reuse_s)


def unused() -> bool:
    return False


def stored(store: DirectoryStore) -> list[str]:
    return [info.key for info in store.list("work", keys.UPLOADS)]


def once(shared: SharedUploads, store: DirectoryStore, audio_id: str = AUDIO) -> ObjectRef:
    return shared.once(audio_id, lambda: store.put("work", keys.upload_key(uuid4()), audio_id.encode()).ref)


def test_two_hundred_simultaneous_uploads_of_one_file_are_one_object(store: DirectoryStore) -> None:
    shared, barrier = uploads(store), threading.Barrier(20)

    def submit(_number: int) -> str:
        barrier.wait()
        return once(shared, store).key

    with ThreadPoolExecutor(20) as threads:
        found = set(threads.map(submit, range(200)))
    assert found == {*stored(store)}
    assert len(found) == 1


def test_what_no_job_was_made_of_goes_unless_another_submission_has_it(store: DirectoryStore) -> None:
    shared = uploads(store)
    first = once(shared, store)
    assert once(shared, store) == first
    shared.give_up(AUDIO, first.key)
    assert stored(store) == [first.key]
    shared.give_up(AUDIO, first.key)
    assert stored(store) == []


def test_an_upload_of_an_accepted_job_stays_when_another_submission_is_given_up(store: DirectoryStore) -> None:
    shared = uploads(store)
    first = once(shared, store)
    shared.accepted(AUDIO, first.key)
    assert once(shared, store) == first
    shared.give_up(AUDIO, first.key)
    assert stored(store) == [first.key]


@pytest.mark.parametrize("is_alone", [True, False])
def test_an_upload_is_not_withdrawn_while_a_submission_has_it(store: DirectoryStore, is_alone: bool) -> None:
    shared = SharedUploads(store, "work", 3600.0, is_alone=is_alone)
    first = once(shared, store)
    shared.accepted(AUDIO, first.key)
    assert once(shared, store) == first
    assert not shared.withdraw(AUDIO, first.key, unused)
    shared.accepted(AUDIO, first.key)
    assert shared.withdraw(AUDIO, first.key, unused)
    assert once(shared, store) != first, "it is about to be deleted"


def test_an_upload_that_a_job_has_is_not_withdrawn_and_remains_the_one_of_its_content(store: DirectoryStore) -> None:
    shared = uploads(store)
    first = once(shared, store)
    shared.accepted(AUDIO, first.key)
    shared.announce(AUDIO)
    assert not shared.withdraw(AUDIO, first.key, lambda: True)
    assert once(shared, store) == once(uploads(store), store) == first
    shared.give_up(AUDIO, first.key)
    assert stored(store) == [first.key]


def test_a_job_that_is_accepted_while_others_are_looked_for_keeps_the_upload(store: DirectoryStore) -> None:
    shared = uploads(store)
    first = once(shared, store)

    def accepted_meanwhile() -> bool:
        shared.accepted(AUDIO, first.key)
        return False

    assert not shared.withdraw(AUDIO, first.key, accepted_meanwhile)
    assert once(shared, store) == first


def test_an_upload_whose_jobs_were_deleted_goes_with_the_last_submission_that_is_given_up(store: DirectoryStore) -> None:
    shared = uploads(store)
    first = once(shared, store)
    shared.accepted(AUDIO, first.key)
    assert once(shared, store) == first
    assert not shared.withdraw(AUDIO, first.key, unused)
    assert stored(store) == [first.key]
    shared.give_up(AUDIO, first.key)
    assert stored(store) == []


def test_what_one_gateway_withdraws_no_other_uses_again(store: DirectoryStore) -> None:
    one, other = uploads(store), uploads(store)
    first = once(one, store)
    one.accepted(AUDIO, first.key)
    one.announce(AUDIO)
    assert once(other, store) == first
    other.accepted(AUDIO, first.key)
    assert one.withdraw(AUDIO, first.key, unused)
    second = once(other, store)
    assert second != first
    other.accepted(AUDIO, second.key)
    other.announce(AUDIO)
    assert one.withdraw(AUDIO, first.key, unused), "a repeat"
    assert once(uploads(store), store) == second, "the announcement is of another upload"


def test_gateways_that_store_one_content_at_once_each_keep_what_their_job_names(store: DirectoryStore) -> None:
    one, other = uploads(store), uploads(store)
    first, second = once(one, store), once(other, store)
    for shared, ref in ((one, first), (other, second)):
        shared.accepted(AUDIO, ref.key)
        shared.announce(AUDIO)
    assert {*stored(store)} == {first.key, second.key}
    assert one.withdraw(AUDIO, first.key, unused)
    assert once(uploads(store), store) == second


def test_another_gateway_finds_it_and_another_content_is_another_object(store: DirectoryStore) -> None:
    shared = uploads(store)
    first = once(shared, store)
    shared.announce(AUDIO)
    shared.announce(AUDIO)
    assert once(uploads(store), store) == first
    assert once(uploads(store), store, "b" * 64) != first
    assert len(stored(store)) == 2


def test_an_upload_that_was_deleted_or_is_too_old_is_stored_again(store: DirectoryStore, tmp_path: Path) -> None:
    shared = uploads(store)
    first = once(shared, store)
    store.delete("work", first.key)
    second = once(shared, store)
    assert second != first
    old_s = datetime.now(UTC).timestamp() - 3601
    os.utime(tmp_path / "work" / second.key, (old_s, old_s))
    third = once(shared, store)
    assert third not in (first, second)
    shared.announce(AUDIO)
    assert once(uploads(store), store) == third


def test_an_old_upload_is_used_again_as_long_as_its_jobs_keep_it(store: DirectoryStore, tmp_path: Path) -> None:
    kept: set[str] = set()
    shared = SharedUploads(store, "work", 3600.0, kept.__contains__)
    first = once(shared, store)
    os.utime(tmp_path / "work" / first.key, (1.0, 1.0))
    kept.add(first.key)
    assert once(shared, store).key == first.key
    kept.clear()
    assert once(shared, store).key != first.key


def test_an_upload_that_is_used_again_is_announced_again_before_its_announcement_expires(store: DirectoryStore) -> None:
    shared = SharedUploads(store, "work", 0.0, lambda key: True)
    first = once(shared, store)
    shared.announce(AUDIO)
    store.delete("work", keys.content_key(AUDIO))
    shared.announce(AUDIO)
    other = SharedUploads(store, "work", 3600.0)
    assert once(other, store) == first
    other.announce(AUDIO)
    store.delete("work", keys.content_key(AUDIO))
    other.announce(AUDIO)
    assert [*store.list("work", keys.CONTENTS)] == [], "once in this time is enough"


@pytest.mark.parametrize(("kept_s", "reuse_s"), [(86_400, REUSE_MAX_S), (0, REUSE_MAX_S), (600, 300.0)])
def test_it_is_used_again_for_half_of_the_time_for_which_it_is_kept_at_most(kept_s: int, reuse_s: float) -> None:
    assert upload_reuse_s(Settings(retention_uploads_s=kept_s)) == reuse_s
    assert MARGIN_S > 0
