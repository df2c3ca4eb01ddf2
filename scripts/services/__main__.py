"""`python -m scripts.services up|down|status|build`.

`build` only fetches and builds, for tests that start the services themselves; a missing toolchain is reported
and is content, unless `CI=true`.
"""

import argparse
import os
import sys
from collections.abc import Callable

from runtime.errors import MurmurError
from scripts.services import cache, supervisor
from scripts.services.cache import MissingToolchain, ServiceError


def _status() -> None:
    print("\n".join(supervisor.status()))


def _build() -> None:
    try:
        supervisor.build_all()
    except MissingToolchain as error:
        if os.environ.get("CI") == "true":
            raise
        cache.say(f"{error}; TESTS ON REAL SERVICES WILL BE SKIPPED")


def main() -> int:
    commands: dict[str, Callable[[], object]] = {"up": supervisor.up, "down": supervisor.down, "status": _status, "build": _build}
    parser = argparse.ArgumentParser(prog="python -m scripts.services", description=__doc__)
    parser.add_argument("what", choices=commands)
    try:
        commands[parser.parse_args().what]()
    except (ServiceError, MurmurError) as error:
        print(f"services: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
