"""The rules that are in force: read at the start, and again when their file changes. A broken new version changes nothing."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from processors.corrector import rules_file
from processors.corrector.rules import Rules
from processors.corrector.rules_file import BadRules
from runtime import metrics
from runtime.logs import get_logger

log = get_logger(__name__)
LOOK_S = 1.0  # at most once in this time the file is looked at
Version = tuple[int, int, int, int]


class RuleBook:
    """`current()` may be called from any thread."""

    def __init__(self, file: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._rules = Rules(())
        self._version: Version | None = None
        self._looked_s = float("-inf")
        self._lock = threading.Lock()
        self.problem: str | None = None

    def load(self) -> None:
        """Raises BadRules: a stage does not start with rules that are not in force."""
        if self._file is not None:
            self._version, self._looked_s = self._current_version(), self._clock()
            self._take(Rules(rules_file.read(self._file)))

    def current(self) -> Rules:
        """Blocks while a changed file is read."""
        with self._lock:
            if self._file is not None and self._clock() >= self._looked_s + LOOK_S:
                self._looked_s = self._clock()
                self._reload(self._file)
            return self._rules

    def _reload(self, file: Path) -> None:
        if (version := self._current_version()) == self._version:
            return
        self._version = version
        try:
            self._take(Rules(rules_file.read(file)))
        except BadRules as error:
            self.problem = str(error)
            metrics.CORRECTION_RULES_BROKEN.set(1)
            log.error("rules.rejected", error=error, hint="the rules that were read before stay in force")

    def _take(self, rules: Rules) -> None:
        self._rules, self.problem = rules, None
        metrics.CORRECTION_RULES_BROKEN.set(0)
        log.info("rules.loaded", entries=len(rules), file=str(self._file))

    def _current_version(self) -> Version | None:
        """Changes with the content of the file, also where it is replaced by another one or through a link. None: no file."""
        assert self._file is not None
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
