"""What only a folder as a store has to answer for: symlinks, killed writers, files of other people."""

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from runtime.objects import NotFound, StoreUnavailable, folders
from runtime.objects.directory import DirectoryStore
from runtime.objects.store import BadKey
from schemas.record import ObjectRef

WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from runtime.objects.directory import DirectoryStore

store = DirectoryStore({"drops": Path(sys.argv[1])})
upload = store.upload("drops", "sub/half.wav")
upload.write(b"x" * 5_000_000)
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "drops"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    store = DirectoryStore({"drops": root})
    store.create()
    return store


def listed(store: DirectoryStore) -> list[str]:
    return sorted(info.key for info in store.list("drops"))


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_a_writer_killed_in_the_middle_leaves_nothing_visible_and_nothing_after_a_sweep(
    store: DirectoryStore, root: Path
) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        assert store.sweep() == 0, "a living writer keeps its half"
        assert files(root) != []
        writer.send_signal(signal.SIGKILL)
    assert listed(store) == []
    assert store.sweep() == 1
    assert files(root) == []


def test_sweeping_beside_writers_takes_nothing_from_them(store: DirectoryStore) -> None:
    done = threading.Event()

    def sweep() -> None:
        while not done.is_set():
            store.sweep()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for number in range(100):
            store.put("drops", f"{number % 3}/{number}", b"x")
            store.delete("drops", f"{number % 3}/{number}")
            store.put("drops", f"kept/{number}", b"x")
    finally:
        done.set()
        sweeper.join()
    assert len(listed(store)) == 100


def test_a_folder_that_is_removed_just_before_its_use_is_created_again(store: DirectoryStore) -> None:
    def run(number: int) -> None:
        for _ in range(60):
            store.put("drops", f"shared/folder/{number}", b"x")
            store.delete("drops", f"shared/folder/{number}")

    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads take turns in the middle of everything
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, range(4)))
    finally:
        sys.setswitchinterval(interval_s)
    assert listed(store) == []


@pytest.mark.parametrize(
    "key", ["..", "../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "a/", "/", ".murmur-0.part", "a/.murmur-0.part/b"]
)
def test_a_key_that_is_not_a_path_below_the_folder_is_refused(store: DirectoryStore, key: str) -> None:
    for use in (store.head, store.get, store.delete, store.upload):
        with pytest.raises(BadKey):
            use("drops", key)
    with pytest.raises(BadKey):
        store.open(ObjectRef(bucket="drops", key=key))
    assert list(store.list("drops", key)) == []


def test_symlinks_are_not_followed(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.pem").write_text("secret")
    (root / "folder").symlink_to(tmp_path / "secret")
    (root / "file.wav").symlink_to(tmp_path / "secret" / "key.pem")
    (root / "loop").symlink_to(root)
    assert listed(store) == []
    for read in (store.head, store.get):
        with pytest.raises(NotFound):
            read("drops", "file.wav")
        with pytest.raises(BadKey):
            read("drops", "folder/key.pem")
    with pytest.raises(BadKey):
        store.put("drops", "folder/new.wav", b"x")
    store.put("drops", "file.wav", b"mine")
    assert (tmp_path / "secret" / "key.pem").read_text() == "secret"
    assert store.get("drops", "file.wav") == b"mine"


def test_the_buckets_own_folder_may_be_a_symlink(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    linked = DirectoryStore({"drops": tmp_path / "link"})
    linked.put("drops", "a/b.wav", b"x")
    assert listed(linked) == listed(store) == ["a/b.wav"]
    assert linked.folder("drops") == root.resolve()


def test_what_people_put_into_the_folder_is_an_object_and_the_rest_is_not(store: DirectoryStore, root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "call.wav").write_bytes(b"speech")
    os.mkfifo(root / "pipe.wav")
    (root / "empty folder").mkdir()
    assert listed(store) == ["sub/call.wav"]
    assert store.head("drops", "sub/call.wav").content_type in ("audio/wav", "audio/x-wav")
    for read in (store.head, store.get):
        with pytest.raises(NotFound):
            read("drops", "pipe.wav")
        with pytest.raises(NotFound):
            read("drops", "empty folder")
        with pytest.raises(NotFound):
            read("drops", "sub/call.wav/below.wav")


def test_a_file_changed_in_its_place_has_another_etag(store: DirectoryStore, root: Path) -> None:
    (root / "a.wav").write_bytes(b"one")
    first = store.head("drops", "a.wav")
    os.utime(root / "a.wav", ns=(1, first.modified_at.microsecond))
    assert store.head("drops", "a.wav").etag != first.etag


def test_a_year_that_no_calendar_has_does_not_break_the_listing(store: DirectoryStore, root: Path) -> None:
    for name, year_s in (("future.wav", 8_000_000_000), ("past.wav", -8_000_000_000)):
        (root / name).write_bytes(b"x")
        os.utime(root / name, (year_s, year_s))
    assert listed(store) == ["future.wav", "past.wav"]


def test_an_object_and_a_folder_cannot_share_a_name(store: DirectoryStore) -> None:
    store.put("drops", "a.wav", b"x")
    store.put("drops", "sub/b.wav", b"x")
    with pytest.raises(BadKey):
        store.put("drops", "a.wav/inner.wav", b"x")
    with pytest.raises(BadKey):
        store.put("drops", "sub", b"x")
    assert listed(store) == ["a.wav", "sub/b.wav"]


def test_a_missing_folder_is_an_unavailable_store_and_is_not_created_again(tmp_path: Path) -> None:
    store = DirectoryStore({"drops": tmp_path / "unmounted"})
    for use in (lambda: store.check("drops"), lambda: store.head("drops", "a"), lambda: store.put("drops", "a", b"x")):
        with pytest.raises(StoreUnavailable):
            use()
    assert not (tmp_path / "unmounted").exists()
    assert store.sweep() == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_not_an_object(store: DirectoryStore, root: Path) -> None:
    (root / "a.wav").write_bytes(b"x")
    (root / "a.wav").chmod(0)
    with pytest.raises(NotFound):
        store.get("drops", "a.wav")


def test_a_disk_that_takes_no_more_is_worth_another_try_and_nothing_is_left(store: DirectoryStore, root: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StoreUnavailable, match="File too large"):
            store.put("drops", "sub/a.wav", b"x" * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files(root) == []


def test_nothing_but_the_objects_is_ever_left_in_the_folder(store: DirectoryStore, root: Path) -> None:
    store.put("drops", "sub/a.wav", b"one")
    store.put("drops", "sub/a.wav", b"two")
    store.upload("drops", "other/b.wav").abort()
    store.put("drops", "deep/er/c.wav", b"x")
    store.delete("drops", "deep/er/c.wav")
    assert files(root) == ["sub", "sub/a.wav"]


@pytest.mark.parametrize("name", [b"not-utf8-\xff.wav", b"\xc3\xa4\xe4.wav", "\uf7ff.wav".encode(), b"\xed\xa0\x80.wav"])
def test_a_name_of_any_bytes_has_a_key_of_its_own(store: DirectoryStore, root: Path, name: bytes) -> None:
    path = root / os.fsdecode(name)
    path.write_bytes(b"speech")
    (key,) = listed(store)
    assert key.encode().decode() == key
    assert store.get("drops", key) == b"speech"
    store.put("drops", key, b"other")
    assert path.read_bytes() == b"other"
    store.delete("drops", key)
    assert files(root) == []


def test_two_keys_are_never_one_file(store: DirectoryStore, root: Path) -> None:
    (root / "\u00e4.wav").write_bytes(b"speech")
    with pytest.raises(BadKey):
        store.get("drops", "\uf7c3\uf7a4.wav")  # the bytes of that name one by one


def test_an_ignored_entry_is_named_in_the_log_once(store: DirectoryStore, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(root / "pipe.wav")
    (root / "link.wav").symlink_to("elsewhere")
    for _ in range(3):
        assert listed(store) == []
    named = [record.msg["object"] for record in caplog.records if isinstance(record.msg, dict)]
    assert sorted(named) == ["link.wav", "pipe.wav"]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that even root cannot read is Linux's /proc/self/mem")
def test_a_file_that_even_root_cannot_read_is_no_object() -> None:
    store = DirectoryStore({"drops": Path("/proc/self")})
    with store.open(ObjectRef(bucket="drops", key="mem")) as file, pytest.raises(NotFound, match="drops/mem: Input/output error"):
        file.read(1 << 20)
    with pytest.raises(NotFound, match="drops/mem: Input/output error"):
        store.get("drops", "mem")


def test_a_disk_that_fails_as_a_whole_is_waited_for(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> NoReturn:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    store.put("drops", "a.wav", b"speech")
    monkeypatch.setattr(folders, "lstat", fails)
    with pytest.raises(NotFound):
        store.head("drops", "a.wav")
    monkeypatch.setattr(os, "scandir", fails)
    with pytest.raises(StoreUnavailable):
        store.head("drops", "a.wav")


def test_in_a_folder_that_is_itself_a_symlink_long_paths_are_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "PATH_BYTES_MAX", 0)
    (tmp_path / "other disk").mkdir()
    (tmp_path / "drops").symlink_to(tmp_path / "other disk")
    store = DirectoryStore({"drops": tmp_path / "drops"})
    info = store.put("drops", "sub/a.wav", b"audio")
    assert listed(store) == ["sub/a.wav"]
    with store.open(info.ref) as file:
        assert file.read() == b"audio"
