"""One stage in this process: what `murmur run` starts, and what runs in a container with `--once`.

Exit codes: 0 asked to stop; 2 wrong set-up (starting again cannot help); 70 the stage failed; 71 its parent is gone.
"""

import logging
import os
import signal
import sys
import threading
from types import FrameType

from murmur import health, logs
from murmur.cli import load, stages
from murmur.errors import UsageError
from murmur.resources import from_settings

log = logging.getLogger(__name__)
FAILED_EXIT = 70
ORPHANED_EXIT = 71


def run_here(name: str) -> None:
    """Blocks until SIGTERM or Ctrl-C. Raises UsageError; any other failure of the stage ends the process."""
    settings = load.settings()
    logs.set_up(settings)
    stage = stages.build(name, from_settings(settings))

    def ask(_number: int, _frame: FrameType | None) -> None:
        stage.stop()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    try:
        with health.serving(settings, stage):
            stage.run()
    except UsageError:
        raise
    except Exception:
        log.exception("%s failed", name)
        logging.shutdown()
        os._exit(FAILED_EXIT)  # its threads must not keep what is broken alive


def _end_with_parent() -> None:
    """Blocks until the pipe from the parent ends, which it does however the parent ended."""
    while os.read(0, 1):  # not sys.stdin: the interpreter could not end while a thread waits in it
        pass
    os._exit(ORPHANED_EXIT)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        run_here(sys.argv[1])
    except UsageError as usage:
        print(f"murmur: {usage}", file=sys.stderr)
        sys.exit(2)
    sys.stdout.flush()
    os._exit(0)
