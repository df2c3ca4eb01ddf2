"""`murmur run STAGE...`: stages against a configured broker and store, one process each, kept alive by this one.

Fed by the settings alone, so that every child sees what its parent saw. A child that ends is started again after 0.2 to 5 s;
children end with their parent, however that ends.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer

from murmur.cli import stages

STOP_S = 15.0
POLL_S = 0.1
USAGE_EXIT = 2


def run(
    names: Annotated[list[str], typer.Argument(metavar="STAGE...", help=f"{', '.join(stages.STAGES)}, or all")],
    once: Annotated[bool, typer.Option("--once", help="end when a stage ends: something else starts it again")] = False,
) -> None:
    """Run stages against the configured broker and store, each in a process of its own, restarted when it dies.

    One stage with --once runs in this very process: for containers, where the cluster restarts it.
    """
    from murmur.cli import load

    settings = load.settings()
    wanted = stages.of(settings.store) if "all" in names else list(dict.fromkeys(names))
    for name in wanted:
        stages.check(name)
    if once and len(wanted) == 1:
        from murmur.cli import child

        child.run_here(wanted[0])
        return
    raise typer.Exit(Parent(wanted, once=once).run())


class Child:
    """One stage's process, and when it may be started again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self._pause_s = 0.2
        self._start_s = 0.0
        self._began_s = 0.0

    def start_if_due(self) -> None:
        now_s = time.monotonic()
        if self.process is None and now_s >= self._start_s:
            # The pipe is never written to: its end tells the child that its parent is gone.
            command = [sys.executable, "-m", "murmur.cli.child", self.name]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE)  # our own interpreter and module
            self._began_s = now_s

    def ended(self) -> int | None:
        """Its exit code, once; after that it waits for its next start."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None
        now_s = time.monotonic()
        self._pause_s = 0.2 if now_s - self._began_s > 30 else min(5.0, self._pause_s * 2)
        self._start_s = now_s + self._pause_s
        return code


class Parent:
    """Starts and restarts; `run()` blocks until a signal comes, or with `once` until any child ends."""

    def __init__(self, names: Sequence[str], *, once: bool) -> None:
        self._children = [Child(name) for name in names]
        self._once = once
        self._stopping = threading.Event()

    def run(self) -> int:
        signal.signal(signal.SIGTERM, self._asked)
        signal.signal(signal.SIGINT, self._asked)
        try:
            while not self._stopping.is_set():
                for one in self._children:
                    one.start_if_due()
                    if (code := one.ended()) is not None and self._over(one, code):
                        return code
                self._stopping.wait(POLL_S)
            return 0
        finally:
            self._stop_all()

    def _over(self, ended: Child, code: int) -> bool:
        """Whether this end ends everything: with --once, or when starting again cannot help."""
        print(f"murmur: {ended.name} ended with {code}", file=sys.stderr, flush=True)
        return self._once or code == USAGE_EXIT

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _stop_all(self) -> None:
        processes = [one.process for one in self._children if one.process is not None]
        for process in processes:
            process.terminate()
        deadline_s = time.monotonic() + STOP_S
        for process in processes:
            try:
                process.wait(max(0.1, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
