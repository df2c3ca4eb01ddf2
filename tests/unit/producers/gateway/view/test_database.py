"""The view's file when the disk is full and when it is damaged, on real SQLite."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from producers.gateway.view.database import Database, ViewDamaged, ViewUnavailable

TABLES = "CREATE TABLE words (word TEXT);"
PAGE_BYTES = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway" / "view.sqlite3"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path, 1, TABLES, {})
    database.open()
    yield database
    database.close()


def write(database: Database, *words: str) -> None:
    with database.write() as sql:
        sql.executemany("INSERT INTO words VALUES (?)", [(word,) for word in words])


def words(database: Database) -> list[str]:
    return [row[0] for row in database.read("SELECT word FROM words")]


def limit(database: Database, pages: int) -> None:
    """Like a full disk: SQLite itself raises that error."""
    with database.write() as sql:
        sql.execute(f"PRAGMA max_page_count = {pages}")


def test_on_a_full_disk_nothing_is_written_and_everything_read(database: Database) -> None:
    write(database, "before")
    limit(database, 3)
    with pytest.raises(ViewUnavailable, match="cannot be written: the disk is full"):
        write(database, "small", "x" * 10 * PAGE_BYTES)

    assert words(database) == ["before"]
    assert database.problem is not None
    assert database.is_open

    limit(database, 1000)
    write(database, "after")
    assert words(database) == ["before", "after"]
    assert database.problem is None


def test_what_cannot_be_opened_for_writing_is_still_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = Database(path, 1, TABLES, {})
    earlier.open()
    write(earlier, "before")
    earlier.close()
    database = Database(path, 1, TABLES, {})
    with monkeypatch.context() as patch:
        patch.setattr(Database, "_connect", lambda _self, place: sqlite3.connect(f"{place}/no folder/file"))
        with pytest.raises(ViewUnavailable):
            database.open()

    assert (database.is_open, database.is_readable) == (False, True)
    assert words(database) == ["before"]
    with pytest.raises(ViewUnavailable):
        write(database, "more")

    database.open()
    write(database, "after")
    assert words(database) == ["before", "after"]
    database.close()


@pytest.mark.parametrize("damage", ["header", "noise", "cut", "text"])
def test_a_damaged_file_is_put_aside_and_replaced(path: Path, damage: str) -> None:
    earlier = Database(path, 1, TABLES, {})
    earlier.open()
    write(earlier, *("x" * 1000 for _ in range(100)))
    earlier.close()
    whole = path.read_bytes()
    content = {"header": b"\0" * 100 + whole[100:], "noise": b"\xa5" * len(whole), "cut": whole[:5000], "text": b"hello" * 99}
    path.write_bytes(content[damage])

    database = Database(path, 1, TABLES, {})
    database.open()
    write(database, "new")

    assert words(database) == ["new"]
    assert path.with_name("view.sqlite3.damaged").read_bytes() == content[damage]
    database.close()


def test_damage_that_is_found_while_it_is_used_is_repaired_by_the_next_open(database: Database) -> None:
    write(database, "before")
    raise_damaged = database.damaged(ValueError("no JSON"))

    assert isinstance(raise_damaged, ViewDamaged)
    assert not database.is_open
    database.open()
    assert words(database) == []


def test_a_transaction_that_fails_changes_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as sql:
            sql.execute("INSERT INTO words VALUES ('half')")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert words(database) == []
    write(database, "whole")
    assert words(database) == ["whole"]


def test_what_is_closed_is_unavailable(database: Database) -> None:
    database.close()
    database.close()
    with pytest.raises(ViewUnavailable):
        words(database)


@pytest.mark.parametrize("is_backup_damaged", [False, True])
def test_a_damaged_file_is_restored_from_its_last_copy(path: Path, is_backup_damaged: bool) -> None:
    earlier = Database(path, 1, TABLES, {})
    earlier.open()
    write(earlier, "kept")
    earlier.back_up()
    write(earlier, "since")
    earlier.close()
    path.write_bytes(b"no database" * 999)
    if is_backup_damaged:
        path.with_name("view.sqlite3.backup").write_bytes(b"neither" * 999)

    database = Database(path, 1, TABLES, {})
    database.open()

    assert words(database) == ([] if is_backup_damaged else ["kept"])
    write(database, "new")
    database.close()
