"""`python -m scripts.services up|down|status`."""

import argparse
import sys

from murmur.errors import MurmurError
from scripts.services import supervisor
from scripts.services.cache import ServiceError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.services", description=__doc__)
    parser.add_argument("what", choices=("up", "down", "status"))
    what = parser.parse_args().what
    try:
        if what == "up":
            supervisor.up()
        elif what == "down":
            supervisor.down()
        else:
            print("\n".join(supervisor.status()))
    except (ServiceError, MurmurError) as error:
        print(f"services: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
