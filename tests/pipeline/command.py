"""The `murmur` command as a person runs it: a process, its output and its exit code."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MURMUR = [sys.executable, "-c", "from murmur.cli import main; main()"]


@dataclass(frozen=True)
class Murmur:
    """`cwd` has no `.env` of the checkout; `environment` is all that is set of murmur's."""

    cwd: Path
    environment: dict[str, str]

    def everything(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MURMUR_")}
        return {**inherited, **self.environment, "PYTHONPATH": str(ROOT)}

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MURMUR, *map(str, arguments)], cwd=self.cwd, env=self.everything(), capture_output=True, text=True, timeout=120
        )

    def raw(self, *arguments: str) -> bytes:
        """Standard output as it is; fails when the command does."""
        command = [*MURMUR, *arguments]
        return subprocess.run(command, cwd=self.cwd, env=self.everything(), capture_output=True, check=True, timeout=120).stdout


def only_line(text: str) -> str:
    """The one line that a command said; fails when it said more, or a traceback."""
    (line,) = text.strip().splitlines()
    return line
