"""One stage in this process: what `murmur run` starts, and what runs in a container with `--once`.

Exit codes: 0 asked to stop; 2 wrong set-up (starting again cannot help); 70 the stage failed; 71 its parent is gone.
"""

import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from murmur import stages
from murmur.cli import load
from runtime import health, logs
from runtime.errors import MurmurError, UsageError
from runtime.resources import Stage, from_settings
from runtime.settings import Settings

log = logs.get_logger(__name__)
USAGE_EXIT = 2
FAILED_EXIT = 70
ORPHANED_EXIT = 71
POLL_S = 0.1
STOP_S = 8.0  # less than the parent waits; what was not settled by then is done again elsewhere


class StageRunner:
    """The stage's thread. Signals are taken by the main one, which no call into a library keeps from them."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._settings = settings
        self._stage: Stage | None = None
        self._asked = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    def run(self) -> None:
        """Blocks until SIGTERM or Ctrl-C, and then for as long as the stage may take to stop. Raises what ended it."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        self._thread.start()
        while self._thread.is_alive() and not self._asked.wait(POLL_S):
            pass
        self._thread.join(STOP_S)
        if self._thread.is_alive():
            log.warning("stage.left", stage=self._name, wait_s=STOP_S)
        if self._failure is not None:
            raise self._failure

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked.set()
        if self._stage is not None:
            self._stage.stop()

    def _live(self) -> None:
        try:
            with logs.stage(self._name):
                self._run_stage()
        except BaseException as error:  # raised again where it can be told
            self._failure = error

    def _run_stage(self) -> None:
        self._stage = stages.build(self._name, from_settings(self._settings))
        if self._asked.is_set():  # before there was a stage to ask
            return
        with health.serving(self._settings, self._stage):
            self._stage.run()


def run_here(name: str) -> int:
    """Blocks until SIGTERM or Ctrl-C; the exit code. Raises UsageError. End the process with `leave()`."""
    settings = load.settings()
    logs.set_up(settings)
    try:
        StageRunner(name, settings).run()
    except UsageError:
        raise
    except MurmurError as error:  # what a broker or store said; the place where it was noticed tells nothing
        log.error("stage.failed", stage=name, error=error)
        return FAILED_EXIT
    except Exception:
        log.exception("stage.failed", stage=name)
        return FAILED_EXIT
    return 0


def leave(code: int) -> NoReturn:
    """At once: what is broken must not live on in its threads, and threads that are deep in a library call must not meet a
    half-ended interpreter."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(name: str) -> NoReturn:
    """Standard input is a line to the parent: its end is the parent's end, and a wrong set-up is told through it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        code = run_here(name)
    except UsageError as usage:
        _tell_parent(str(usage))
        code = USAGE_EXIT
    leave(code)


def _tell_parent(words: str) -> None:
    try:
        os.write(0, words.encode())
    except OSError:  # a pipe, or closed: started by something else
        print(f"murmur: {words}", file=sys.stderr)


def _end_with_parent() -> None:
    """Blocks until the line from the parent ends, which it does however the parent ended."""
    while os.read(0, 1):  # not sys.stdin: the interpreter could not end while a thread waits in it
        pass
    os._exit(ORPHANED_EXIT)


if __name__ == "__main__":
    main(sys.argv[1])
