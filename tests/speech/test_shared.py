"""What the processes of a run share is computed once."""

from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread

import pytest

from tests.speech.shared import Shared


def counting(results: list[str]) -> Callable[[], str]:
    return lambda: results.pop(0)


def test_a_key_is_computed_once_and_another_key_on_its_own(tmp_path: Path) -> None:
    results = ["first", "second"]
    assert [Shared(tmp_path).get(key, counting(results)) for key in ("a", "a", "b", "a")] == ["first", "first", "second", "first"]


def test_what_another_process_needs_at_the_same_time_it_waits_for(tmp_path: Path) -> None:
    start, results, found = Barrier(4), ["only"], list[str]()

    def read() -> None:
        start.wait()
        found.append(Shared(tmp_path).get("key", counting(results)))

    threads = [Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["only"] * 4


def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    shared = Shared(tmp_path)
    with pytest.raises(IndexError):
        shared.get("key", counting([]))
    assert shared.get("key", counting(["result"])) == "result"
