"""The index of transcripts on a real SQLite file."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from producers.gateway.search.index import Indexed, Text, TextIndex
from producers.gateway.search.words import words
from producers.gateway.view.database import ViewUnavailable

LARGE = 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway" / "words.sqlite3"


@pytest.fixture
def index(path: Path) -> Iterator[TextIndex]:
    index = TextIndex(path, LARGE)
    index.open()
    yield index
    index.close()


def job(name: str, text: str | None, at_s: float = 0.0, *, key: str = "", owner: str = "alice", made_s: float = 0.0) -> Indexed:
    return Indexed(name, owner, at_s, Text(key or f"results/{name}", made_s), None if text is None else " ".join(words(text)))


def test_a_job_is_found_by_all_words_in_any_order_and_by_their_beginnings(index: TextIndex) -> None:
    index.write([job("a", "The annual budget of São Paulo."), job("b", "No budget at all.")])

    assert index.find("sao BUDG") == ["a"]
    assert set(index.find("budget")) == {"a", "b"}
    assert index.find("budget missing") == []
    assert index.find("udget") == []


def test_what_is_in_quotation_marks_is_found_word_for_word(index: TextIndex) -> None:
    index.write([job("a", "the annual budget"), job("b", "annual: the budgets")])

    assert index.find('"annual budget"') == ["a"]
    assert index.find('"budget"') == ["a"]


def test_text_without_blanks_is_found_by_any_part_of_it(index: TextIndex) -> None:
    index.write([job("a", "これは東京タワーです")])

    assert index.find("京タ") == ["a"]
    assert index.find("タ京") == []


def test_the_newest_jobs_come_first_and_only_those_of_the_owner(index: TextIndex) -> None:
    index.write([job("a", "hello", 1.0), job("b", "hello", 2.0), job("c", "hello", 3.0, owner="bob")])

    assert index.find("hello", "alice") == ["b", "a"]
    assert index.find("hello") == ["c", "b", "a"]


def test_a_text_that_two_jobs_have_stays_until_both_are_gone(index: TextIndex) -> None:
    index.write([job("a", "hello", key="results/w"), job("b", None, key="results/w")])
    assert sorted(index.find("hello")) == ["a", "b"]

    index.write([], ["a"])
    assert index.find("hello") == ["b"]
    assert not index.needs(Text("results/w", 0.0))

    index.write([], ["b"])
    assert index.needs(Text("results/w", 0.0))


def test_a_later_transcript_of_the_work_replaces_the_words_of_the_earlier_one(index: TextIndex) -> None:
    index.write([job("a", "first", key="results/w", made_s=1.0)])
    assert index.needs(Text("results/w", 2.0))

    index.write([job("b", "second", key="results/w", made_s=2.0)])

    assert index.find("first") == []
    assert sorted(index.find("second")) == ["a", "b"]


def test_a_search_that_is_repeated_has_what_was_added_meanwhile(index: TextIndex) -> None:
    index.write([job("a", "hello")])
    assert index.find("hello") == index.find("hello") == ["a"]

    index.write([job("b", "hello", 1.0)])
    assert index.find("hello") == ["b", "a"]

    index.keep_only({"results/b"}, before_s=5.0)
    assert index.find("hello") == ["b"]


@pytest.mark.parametrize(
    "query",
    ["a " * 100, "\x00", '"' * 199, "\ud7fb\u0301 \U0010ffff", "(((( NEAR(a b, 2) {x}:y ^z -w", "\ufdfa" * 200, "\ufdfa " * 100],
)
def test_no_query_is_an_error(index: TextIndex, query: str) -> None:
    index.write([job("a", "hello")])
    assert index.find(query) == []


def test_the_oldest_texts_are_left_out_where_there_is_no_room(path: Path) -> None:
    index = TextIndex(path, 20)
    index.open()
    index.write([job("a", "one two three", made_s=1.0)])
    assert index.is_whole()

    index.write([job("b", "one two four", made_s=2.0, owner="bob")])

    assert index.find("one") == ["b"]
    assert (index.is_whole(), index.is_whole("alice"), index.is_whole("bob")) == (False, False, True)
    assert not index.needs(Text("results/a", 1.0))
    index.close()


def test_a_text_that_is_no_longer_in_the_store_is_not_found_and_not_read_again(index: TextIndex) -> None:
    index.write([job("a", "hello", made_s=1.0), job("b", "hello", made_s=1.0), job("new", "hello", made_s=9.0)])

    index.keep_only({"results/b"}, before_s=5.0)

    assert sorted(index.find("hello")) == ["b", "new"]
    assert not index.needs(Text("results/a", 1.0))
    assert index.is_whole()
    index.tidy()
    index.keep_only({"results/b"}, before_s=5.0)
    assert index.is_tidy()


def test_a_text_without_room_that_is_no_longer_in_the_store_does_not_miss(path: Path) -> None:
    index = TextIndex(path, 8)
    index.open()
    index.write([job("a", "old one", made_s=1.0), job("b", "newer", made_s=2.0)])
    assert not index.is_whole()

    index.keep_only({"results/b"}, before_s=5.0)

    assert index.is_whole()
    index.close()


def test_nothing_of_a_deleted_text_is_left_in_any_file_while_the_index_is_open(index: TextIndex, path: Path) -> None:
    index.write([job("a", "xylophone"), *(job(f"other-{number}", f"word{number}") for number in range(50))])
    assert b"xylophone" in content(path)

    index.write([], ["a"])
    index.tidy()

    assert b"xylophone" not in content(path)
    assert b"word7" in content(path)


def test_what_was_deleted_before_a_restart_is_still_to_be_removed_from_the_file(index: TextIndex, path: Path) -> None:
    index.write([job("a", "xylophone"), job("b", "hello")])
    assert index.is_tidy()
    index.write([], ["a"])
    index.close()

    index.open()

    assert not index.is_tidy()
    index.tidy()
    assert index.is_tidy()
    assert b"xylophone" not in content(path)


def test_a_file_of_the_first_layout_keeps_its_texts_and_is_to_be_tidied(index: TextIndex, path: Path) -> None:
    index.write([job("a", "hello")])
    index.close()
    with contextlib.closing(sqlite3.connect(path)) as sql:
        sql.executescript("DROP TABLE remains; PRAGMA user_version = 1")

    index.open()

    assert index.find("hello") == ["a"]
    assert not index.is_tidy()


def content(path: Path) -> bytes:
    """Of the file, and of its log."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_a_damaged_file_is_replaced_by_an_empty_one_and_not_kept(index: TextIndex, path: Path) -> None:
    index.write([job(f"job-{number}", f"secret{number} " * 50) for number in range(50)])
    index.close()
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 40_000)

    index.open()

    assert index.job_ids() == set()
    assert not any(b"secret" in file.read_bytes() for file in path.parent.iterdir())


def test_a_file_whose_text_is_damaged_is_replaced(index: TextIndex, path: Path) -> None:
    index.write([job("plain", "hello")])
    index.close()
    path.write_bytes(path.read_bytes().replace(b"plain", b"pl\xffin"))
    index.open()

    with pytest.raises(ViewUnavailable):
        index.find("hello")

    index.open()
    assert index.job_ids() == set()


def test_an_index_that_is_not_wanted_leaves_no_file(index: TextIndex, path: Path) -> None:
    index.write([job("a", "hello")])
    index.close()

    index.remove()

    assert list(path.parent.iterdir()) == []
