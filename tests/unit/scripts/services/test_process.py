"""A service's process: known again after its starter is gone, never mistaken for another, and ended in any state."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.services import process as process_module
from scripts.services.cache import ServiceError
from scripts.services.process import ServiceProcess, start_time
from tests.waiting import DEADLINE_S

SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]
DIES = [sys.executable, "-c", "print('port is taken'); raise SystemExit(1)"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    service = ServiceProcess("sleeper", tmp_path / "sleeper")
    yield service
    service.end()


def is_up(service: ServiceProcess) -> bool:
    return "up" in service.log.read_text()


def test_it_runs_until_it_is_ended(service: ServiceProcess) -> None:
    assert service.pid is None
    service.start(SLEEPS)
    pid = service.pid
    assert pid is not None
    service.end()
    service.end()
    assert service.pid is None
    assert start_time(pid) is None


def test_a_deleted_service_leaves_only_its_ports_and_its_log(service: ServiceProcess) -> None:
    service.start(SLEEPS)
    (service.folder / "data").mkdir()
    (service.folder / "data" / "records").write_text("x")
    (service.folder / "ports.json").write_text("{}")
    service.forget()
    service.forget()
    assert service.pid is None
    assert sorted(path.name for path in service.folder.iterdir()) == ["log", "ports.json"]


def test_another_run_finds_it_by_its_folder_and_can_end_it(service: ServiceProcess, tmp_path: Path) -> None:
    service.start(SLEEPS)
    later = ServiceProcess("sleeper", tmp_path / "sleeper")
    assert later.pid == service.pid
    later.end()
    assert service.pid is None


def test_another_process_with_its_id_is_not_taken_for_it(service: ServiceProcess) -> None:
    service.start(SLEEPS)
    service.end()
    (service.folder / "pid.json").write_text(json.dumps({"pid": os.getpid(), "started": "1", "proven": True}))
    assert service.pid is None
    assert not service.proven


def test_starting_again_ends_the_one_before(service: ServiceProcess, tmp_path: Path) -> None:
    service.start(SLEEPS)
    first = service.pid
    ServiceProcess("sleeper", tmp_path / "sleeper").start(SLEEPS)
    assert first is not None
    assert start_time(first) is None
    assert service.pid not in (None, first)


def test_a_proof_is_valid_for_one_process(service: ServiceProcess) -> None:
    service.start(SLEEPS)
    assert not service.proven
    service.mark_proven()
    assert service.proven
    service.kill()
    assert not service.proven
    service.start(SLEEPS)
    assert not service.proven


def test_one_that_ignores_sigterm_is_killed(service: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "POLITE_S", 0.3)
    service.start(STUBBORN)
    service.wait_until(lambda: is_up(service), "its first line")
    service.end()
    assert service.pid is None


def test_a_frozen_one_is_ended(service: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "POLITE_S", 0.3)
    service.start(SLEEPS)
    service.signal(signal.SIGSTOP)
    service.end()
    assert service.pid is None


def test_one_that_ends_is_reported_at_once_with_its_last_lines(service: ServiceProcess) -> None:
    service.start(DIES)
    with pytest.raises(ServiceError, match=r"sleeper: ended by itself\n    \| port is taken"):
        service.wait_until(lambda: False, "an answer", limit_s=30)


def test_one_that_never_answers_is_reported_when_its_time_is_up(service: ServiceProcess) -> None:
    def refuse() -> bool:
        raise ConnectionRefusedError("nobody listens")

    service.start(SLEEPS)
    with pytest.raises(ServiceError, match=r"an answer: not within 0 s \(nobody listens\)"):
        service.wait_until(refuse, "an answer", limit_s=0.2)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_leashed_service_ends_with_its_starter(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from scripts.services.process import ServiceProcess\n"
        f"service = ServiceProcess('sleeper', Path({str(tmp_path)!r}), leashed=True); service.start({SLEEPS!r})\n"
        "service.wait_until(lambda: 'up' in service.log.read_text(), 'up'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[4]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == -signal.SIGKILL
    orphan = ServiceProcess("sleeper", tmp_path)
    assert orphan.gone_within(DEADLINE_S)


def test_both_ways_to_get_a_start_time_detect_an_ended_process() -> None:
    child = subprocess.Popen(SLEEPS, stdout=subprocess.DEVNULL)
    ways = [start_time, process_module._start_time_by_ps]
    assert all(way(child.pid) for way in ways)
    child.kill()
    child.wait()
    assert [way(child.pid) for way in ways] == [None, None]
