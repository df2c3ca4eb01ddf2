"""CPU time of this process and its children, by threads and by named steps. Linux only: it reads /proc."""

import contextlib
import functools
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

TASKS = Path("/proc/self/task")
NS_PER_S = 1e9
DECODERS = "decoder processes"
UNNAMED = "CTranslate2 threads"  # the only library here that starts threads for its work and gives them no name


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds since the start of the process, of its threads and of steps; how often each step ran; seconds of a clock."""

    clock_s: float
    process_s: float
    threads_s: Mapping[str, float]
    steps_s: Mapping[str, float]
    calls: Mapping[str, float]

    def since(self, earlier: "Spent", weight: float = 1.0) -> "Spent":
        """What came after `earlier`; with a weight, as much of `earlier` taken off."""
        return Spent(
            self.clock_s - weight * earlier.clock_s,
            self.process_s - weight * earlier.process_s,
            _without(self.threads_s, earlier.threads_s, weight),
            _without(self.steps_s, earlier.steps_s, weight),
            _without(self.calls, earlier.calls, weight),
        )


class Meter:
    """A step is counted without the steps that it calls, in CPU time of the thread that it runs in."""

    def __init__(self) -> None:
        self._open = threading.local()
        self._lock = threading.Lock()
        self._steps_s: dict[str, float] = defaultdict(float)
        self._calls: dict[str, float] = defaultdict(float)

    def count(self, owner: Any, name: str, step: str) -> None:
        """Counts a function of a class or module from now on."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            return self._measured(step, lambda: function(*args, **kwargs))

        setattr(owner, name, counted)

    def count_generator(self, owner: Any, name: str, step: str) -> None:
        """As `count`, for a function that returns a generator: its turns are the calls."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Iterator[Any]:
            values, end = iter(function(*args, **kwargs)), object()
            while (value := self._measured(step, lambda: next(values, end))) is not end:
                yield value

        setattr(owner, name, counted)

    def spent(self) -> Spent:
        """Until now."""
        times = os.times()
        decoders_s = children_cpu_s()
        threads_s = {**threads_cpu_s(), DECODERS: decoders_s}
        with self._lock:
            process_s = times.user + times.system + decoders_s
            return Spent(time.monotonic(), process_s, threads_s, dict(self._steps_s), dict(self._calls))

    def _measured(self, step: str, call: Callable[[], Any]) -> Any:
        inner_s: list[float] = self._open.__dict__.setdefault("inner_s", [])
        inner_s.append(0.0)
        began_s = time.thread_time()
        try:
            return call()
        finally:
            took_s = time.thread_time() - began_s
            own_s = took_s - inner_s.pop()
            if inner_s:
                inner_s[-1] += took_s
            with self._lock:
                self._steps_s[step] += own_s
                self._calls[step] += 1


def children_cpu_s() -> float:
    """Of the decoder processes, those that have ended too."""
    ended = os.times()
    total_s = ended.children_user + ended.children_system
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            times = child.cpu_times()
            total_s += times.user + times.system
    return total_s


def threads_cpu_s() -> dict[str, float]:
    """Of the threads that run now, by name: Python's where it has one, else the system's."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    process = _system_name(TASKS / str(os.getpid()))
    spent_s: dict[str, float] = defaultdict(float)
    for task in TASKS.iterdir():
        try:
            system_name = _system_name(task)
            name = names.get(int(task.name)) or (UNNAMED if system_name == process else system_name)
            spent_s[name] += int((task / "schedstat").read_text().split()[0]) / NS_PER_S
        except OSError:  # it has ended
            continue
    return dict(spent_s)


def _system_name(task: Path) -> str:
    return (task / "comm").read_text().strip()


def _without(later: Mapping[str, float], earlier: Mapping[str, float], weight: float) -> dict[str, float]:
    return {name: value - weight * earlier.get(name, 0.0) for name, value in later.items()}
