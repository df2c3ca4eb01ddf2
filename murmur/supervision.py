"""Keeps a stage running in a thread: built, run, and when it fails, built and run again after a pause.

Used by `murmur/dev.py`. `murmur run` does the same with processes.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator

from murmur.errors import UsageError
from murmur.resources import Stage

log = logging.getLogger(__name__)
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
CALM_S = 30.0  # a stage that ran for so long has recovered: its next pause is short again


def pauses() -> Iterator[float]:
    """0.2 s, doubling up to 5 s."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


class Supervised:
    """`build` makes a fresh stage for every life. `on_end` is called when there is no further life, with the reason."""

    def __init__(self, name: str, build: Callable[[], Stage], on_end: Callable[[str, BaseException | None], None]) -> None:
        self.name = name
        self._build = build
        self._on_end = on_end
        self._stopping = threading.Event()
        self._stage: Stage | None = None
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Asks; `join()` waits."""
        self._stopping.set()
        if self._stage is not None:
            self._stage.stop()

    def join(self, timeout_s: float) -> bool:
        """Whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def not_ready(self) -> str | None:
        return self._stage.not_ready() if self._stage is not None else f"{self.name} is starting"

    def _live(self) -> None:
        waits = pauses()
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                self._stage = self._build()
                if self._stopping.is_set():  # asked while it was being built
                    break
                self._stage.run()
                break
            except UsageError as error:
                self._on_end(self.name, error)
                return
            except Exception:
                log.exception("%s failed and starts again", self.name)
            if time.monotonic() - began_s > CALM_S:
                waits = pauses()
            self._stopping.wait(next(waits))
        self._on_end(self.name, None)
