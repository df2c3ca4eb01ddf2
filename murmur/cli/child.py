"""One stage in this process: what `murmur run` starts, and what runs in a container with `--once`.

Exit codes: 0 stopped by a signal; 2 wrong set-up (a restart cannot help); 70 the stage failed; 71 its parent is gone.
"""

import logging
import os
import signal
import sys
import threading
from dataclasses import replace
from types import FrameType
from typing import NoReturn

from murmur import stages
from murmur.cli import load
from murmur.tracing import set_up as set_up_tracing
from runtime import health, logs, tracing
from runtime.errors import MurmurError, UsageError
from runtime.gc_pause import collect_less_often
from runtime.resources import Stage, from_settings
from runtime.settings import Settings

log = logs.get_logger(__name__)
USAGE_EXIT = 2
FAILED_EXIT = 70
ORPHANED_EXIT = 71
POLL_S = 0.1
STOP_S = 8.0  # less than the parent waits; records that are not settled by then are processed again elsewhere


class StageRunner:
    """The stage's thread. Signals are handled by the main thread, which is never blocked in a library call."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._settings = settings
        self._stage: Stage | None = None
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run_thread, name=name, daemon=True)

    def run(self) -> None:
        """Blocks until SIGTERM or Ctrl-C, and then for as long as the stage may take to stop. Raises the stage's error."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self._thread.start()
        while self._thread.is_alive() and not self._stopping.wait(POLL_S):
            pass
        self._thread.join(STOP_S)
        if self._thread.is_alive():
            log.warning("stage.left", stage=self._name, wait_s=STOP_S)
        if self._failure is not None:
            raise self._failure

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()
        if self._stage is not None:
            self._stage.stop()

    def _run_thread(self) -> None:
        try:
            with logs.stage(self._name):
                self._run_stage()
        except BaseException as error:  # raised again in the main thread
            self._failure = error

    def _run_stage(self) -> None:
        resources = from_settings(self._settings)
        if self._name in stages.PROBING:
            probe = stages.probe_of(self._settings)
            probe.start()
            resources = replace(resources, probe=probe)
        self._stage = stages.build(self._name, resources)
        if self._stopping.is_set():  # before the stage existed
            return
        with health.serving(self._settings, self._stage):
            self._stage.run()


def run_here(name: str, *, no_auth: bool) -> int:
    """Blocks until SIGTERM or Ctrl-C; the exit code. Raises UsageError. End the process with `leave()`."""
    settings = load.settings(no_auth=no_auth or None)
    logs.set_up(settings)
    collect_less_often()
    set_up_tracing(settings, f"murmur-{name}")
    try:
        StageRunner(name, settings).run()
    except UsageError:
        raise
    except MurmurError as error:  # a broker or store; a traceback would add nothing
        log.error("stage.failed", stage=name, error=error)
        return FAILED_EXIT
    except Exception:
        log.exception("stage.failed", stage=name)
        return FAILED_EXIT
    finally:
        tracing.close()
    return 0


def leave(code: int) -> NoReturn:
    """Exits immediately: broken threads must not go on, and threads in a library call must not see interpreter shutdown."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(name: str, *options: str) -> NoReturn:
    """Standard input is a socket to the parent: end of file means that the parent is gone, and a UsageError is written to it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        code = run_here(name, no_auth="--no-auth" in options)
    except UsageError as usage:
        _report_to_parent(str(usage))
        code = USAGE_EXIT
    leave(code)


def _report_to_parent(message: str) -> None:
    try:
        os.write(0, message.encode())
    except OSError:  # a pipe, or closed: started by something else
        print(f"murmur: {message}", file=sys.stderr)


def _end_with_parent() -> None:
    """Blocks until end of file, which comes however the parent ended."""
    while os.read(0, 1):  # not sys.stdin: the interpreter could not exit while a thread waits in it
        pass
    os._exit(ORPHANED_EXIT)


if __name__ == "__main__":
    main(*sys.argv[1:])
