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

from murmur import health, logs
from murmur.cli import load, stages
from murmur.errors import MurmurError, UsageError
from murmur.resources import Stage, from_settings

log = logging.getLogger(__name__)
USAGE_EXIT = 2
FAILED_EXIT = 70
ORPHANED_EXIT = 71


class Stopping:
    """SIGTERM and Ctrl-C, also those that come before there is a stage to ask."""

    def __init__(self) -> None:
        self.asked = False
        self._stage: Stage | None = None
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def ask_from_now_on(self, stage: Stage) -> None:
        self._stage = stage
        if self.asked:
            stage.stop()

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._stage is not None:
            self._stage.stop()


def run_here(name: str) -> int:
    """Blocks until SIGTERM or Ctrl-C; the exit code. Raises UsageError. End the process with `leave()`."""
    stopping = Stopping()
    settings = load.settings()
    logs.set_up(settings)
    try:
        stage = stages.build(name, from_settings(settings))
        stopping.ask_from_now_on(stage)
        with health.serving(settings, stage):
            if not stopping.asked:
                stage.run()
    except UsageError:
        raise
    except MurmurError as error:  # what a broker or store said; the place where it was noticed tells nothing
        log.error("%s failed: %s", name, error)
        return FAILED_EXIT
    except Exception:
        log.exception("%s failed", name)
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
