"""Keeps a stage running in a thread: built, run, and when it fails, built and run again after a pause.

Used by `murmur/dev`. `murmur run` does the same with processes, and with the same pauses.
"""

import threading
import time
from collections.abc import Callable

from runtime import logs, metrics
from runtime.backoff import Backoff
from runtime.errors import DeviceLost, MurmurError, UsageError
from runtime.resources import Stage

log = logs.get_logger(__name__)
CALM_S = 30.0  # a stage that ran this long has recovered: its next pause is short again


class RestartBackoff:
    """Before each restart: 0.2 s, doubling up to 5 s."""

    def __init__(self) -> None:
        self._backoff = Backoff(0.2, 5.0)

    def after(self, uptime_s: float) -> float:
        """How long to wait after a run of that length."""
        if uptime_s > CALM_S:
            self._backoff.reset()
        return self._backoff.next_s()


class Supervised:
    """`build` creates a new stage for every run. `on_end` is called when there is no further restart, with the reason."""

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
        """Does not wait; `join()` does."""
        self._stopping.set()
        stage = self._stage
        if stage is not None:
            stage.stop()

    def join(self, timeout_s: float) -> bool:
        """Whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def not_ready(self) -> str | None:
        stage = self._stage
        return stage.not_ready() if stage is not None else f"{self.name} is starting"

    def _live(self) -> None:
        with logs.stage(self.name):
            self._run_until_stopped()

    def _run_until_stopped(self) -> None:
        pauses = RestartBackoff()
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                self._stage = self._build()
                if self._stopping.is_set():  # stopped while it was being built
                    break
                self._stage.run()
                break
            except (UsageError, DeviceLost) as error:  # a restart in this process cannot help
                self._on_end(self.name, error)
                return
            except MurmurError as error:  # a broker or store; a traceback would add nothing
                log.error("stage.failed", error=error)
            except Exception:
                log.exception("stage.failed")
            self._stage = None
            metrics.STAGE_RESTARTS.labels(self.name).inc()
            self._stopping.wait(pauses.after(time.monotonic() - began_s))
        self._on_end(self.name, None)
