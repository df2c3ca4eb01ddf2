"""Chromium for the tests of the web page: one that is installed, or Debian's package where this process may install it.

Called by `make test`. Without Chromium these tests are skipped, and fail when `CI=true`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ADVICE = "install Chromium (Debian: apt-get install chromium)"


def chromium() -> Path | None:
    """The installed browser."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def main() -> None:
    found = chromium() or _installed()
    if found is None:
        print(f"no Chromium for the tests of the web page: {ADVICE}", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") == "true" else 0)
    print(f"chromium: {found}")


def _installed() -> Path | None:
    """Only for CI, which may change its machine."""
    if os.environ.get("CI") != "true" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (("update",), ("install", "--yes", "--no-install-recommends", "chromium")):
        subprocess.run(("apt-get", "--quiet", *arguments), check=False, env=environment, stdout=sys.stderr)
    return chromium()


if __name__ == "__main__":
    main()
