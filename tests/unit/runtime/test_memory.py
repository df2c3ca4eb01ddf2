"""Freed memory is kept while there is work, and given back afterwards."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from runtime import memory
from runtime.memory import IDLE_S, IdleTrim

LARGE_BLOCKS = """
import ctypes, resource
from runtime import memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        block = bytearray(64 << 20)
        del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

anew = faults()
memory.keep_freed()
faults()
kept = faults()
memory.trim()
again = faults()
print(anew, kept, again)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library of Linux")
def test_large_blocks_are_reused_until_memory_is_given_back() -> None:
    run = subprocess.run([sys.executable, "-c", LARGE_BLOCKS], capture_output=True, text=True, check=True)
    anew, kept, again = map(int, run.stdout.split())
    assert kept < anew / 20
    assert kept < again < anew / 5, "the pages of one block"


def test_memory_is_given_back_once_after_each_time_of_work() -> None:
    clock = SimpleNamespace(now_s=0.0)
    trims: list[float] = []
    idle = IdleTrim(lambda: trims.append(clock.now_s), lambda: clock.now_s)
    for now_s, busy in [(0, False), (1, True), (5, True), (5 + IDLE_S - 1, False), (5 + IDLE_S, False), (99, False), (100, True)]:
        clock.now_s = now_s
        idle.turn(busy=busy)
    assert trims == [5 + IDLE_S]
    clock.now_s = 100 + IDLE_S
    idle.turn(busy=False)
    assert trims == [5 + IDLE_S, 100 + IDLE_S]


@pytest.mark.parametrize(("limit", "free"), [("max", 9000), ("12000", 9000), ("5000", 4000), ("900", 0), (None, 9000)])
def test_free_memory_is_the_machines_and_no_more_than_the_containers(
    limit: str | None, free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=9000))
    monkeypatch.setattr(memory, "CONTROL_GROUP", tmp_path)
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text("1000\n")
    assert memory.available_bytes() == free
