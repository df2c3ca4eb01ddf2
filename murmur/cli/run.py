"""`murmur run STAGE...`: stages with a configured broker and store, one process each, restarted by this one.

Configured by the settings and --no-auth alone, so that every child sees the same as its parent. A child that ends is restarted
after 0.2 to 5 s; children end with their parent, however that ends.
"""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from murmur import stages
from murmur.cli import options
from runtime.errors import UsageError

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

STOP_S = 15.0
POLL_S = 0.1
USAGE_EXIT = 2
MESSAGE_MAX_BYTES = 65_536


def run(
    names: Annotated[list[str], typer.Argument(metavar="STAGE...", help=f"{', '.join(stages.STAGES)}, or all")],
    once: Annotated[bool, typer.Option("--once", help="exit when a stage ends, and leave its restart to something else")] = False,
    no_auth: options.NoAuth = False,
) -> None:
    """Run stages with the configured broker and store, each in a process of its own that is restarted when it ends.

    A single stage with --once runs in this process: for containers, where the cluster restarts it. SIGTERM and Ctrl-C stop the
    stages gracefully; a second one kills them. Exits with 2 when the configuration is wrong; with --once also with the exit
    code of the stage: 70 for a failure, 128 and more for a signal. A gateway that others can reach needs API keys
    (`murmur keys new`), or --no-auth.
    """
    from murmur.cli import load
    from runtime import exposure, logs
    from runtime.models import catalogue
    from runtime.resources import from_settings

    log = logs.get_logger(__name__)
    settings = load.settings(no_auth=no_auth or None)
    logs.set_up(settings)
    load.warn_of_misspelt()
    chosen = stages.of(settings.store, corrects=settings.corrects) if "all" in names else list(dict.fromkeys(names))
    for name in chosen:
        stages.check(name)
    if "gateway" in chosen:
        exposure.check(settings)
    if len(chosen) > 1 and settings.health_port is not None:
        raise UsageError("MURMUR_HEALTH_PORT serves one stage: unset it, or run every stage with a `murmur run` of its own")
    if catalogue.chosen(settings) is None:
        log.info("model.defaulted", model=catalogue.RUN_DEFAULT, hint="to change it, set MURMUR_MODEL for all stages")
    if "transcriber" in chosen and sys.stderr.isatty():  # else the transcriber downloads it, and logs the progress
        from murmur.cli import download

        for model in (catalogue.of(settings), *catalogue.others(settings)):
            download.in_foreground(model)
    if once and len(chosen) == 1:
        from murmur.cli import child

        code = child.run_here(chosen[0], no_auth=no_auth)
        if code == 0:
            log.info("murmur.stopped")
        child.leave(code)
    from_settings(settings)  # an error that concerns every stage is reported once
    code = Parent([Child(name, no_auth=no_auth) for name in chosen], log, once=once).run()
    if code == 0:
        log.info("murmur.stopped")
    raise typer.Exit(code)


class Child:
    """One stage's process, and when it may be started again."""

    def __init__(self, name: str, *, no_auth: bool) -> None:
        from runtime.supervision import RestartBackoff

        self.name = name
        self._options = ["--no-auth"] if no_auth else []
        self.process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._backoff = RestartBackoff()
        self._start_s = 0.0
        self._began_s = 0.0

    def start_if_due(self) -> None:
        now_s = time.monotonic()
        if self.process is not None or now_s < self._start_s:
            return
        # Nothing is ever written to the child: end of file on its end means that its parent is gone.
        self._socket, for_child = socket.socketpair()
        command = [sys.executable, "-m", "murmur.cli.child", self.name, *self._options]
        with for_child:  # a session of its own, so that Ctrl-C on a terminal reaches the children through this process alone
            self.process = subprocess.Popen(command, stdin=for_child.fileno(), start_new_session=True)
        self._began_s = now_s

    def ended(self) -> int | None:
        """Its exit code, or a signal as a negative one, once; after that it waits for its next start."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.process = None
        now_s = time.monotonic()
        self._start_s = now_s + self._backoff.after(now_s - self._began_s)
        return code

    def message(self) -> str:
        """What it wrote to this process before it ended: the UsageError of its set-up."""
        assert self._socket is not None
        with self._socket as connection:
            connection.setblocking(False)  # a process started by the child may hold the other end open
            try:
                return connection.recv(MESSAGE_MAX_BYTES).decode(errors="replace")
            except OSError:
                return ""


class Parent:
    """Starts and restarts; `run()` blocks until a signal arrives, or with `once` until any child ends."""

    def __init__(self, children: Sequence[Child], log: "BoundLogger", *, once: bool) -> None:
        self._children = children
        self._log = log
        self._once = once
        self._stopping = threading.Event()
        self._forced = threading.Event()

    def run(self) -> int:
        """The exit code."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        try:
            while not self._stopping.is_set():
                for one in self._children:
                    one.start_if_due()
                    if (code := one.ended()) is not None and self._is_final(one, code):
                        return code if code >= 0 else 128 - code
                self._stopping.wait(POLL_S)
            return 0
        finally:
            self._stop_all()

    def _is_final(self, ended: Child, code: int) -> bool:
        """Whether all others end with this child: with --once, or when a restart cannot help."""
        message = ended.message()
        if code == USAGE_EXIT:
            print(f"murmur: {ended.name}: {message}", file=sys.stderr, flush=True)
        else:
            self._log.error("stage.ended", stage=ended.name, exit_code=code)
        return self._once or code == USAGE_EXIT

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """The first signal stops gracefully, the second forces."""
        if self._stopping.is_set():
            self._forced.set()
        self._stopping.set()

    def _stop_all(self) -> None:
        processes = [one.process for one in self._children if one.process is not None]
        for process in processes:
            process.terminate()
        deadline_s = time.monotonic() + STOP_S
        while any(process.poll() is None for process in processes):
            if time.monotonic() > deadline_s or self._forced.wait(POLL_S):
                for process in processes:
                    process.kill()
                    process.wait()
