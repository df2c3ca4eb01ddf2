"""How many connections the process's limit of open files leaves room for."""

import contextlib
import resource

RESERVED = 256  # for Kafka, the store, the view and the other stages of the process
FILES_OF_ONE = 2  # its socket, and the file or the connection to the store that it reads or writes


def connections_for(wanted: int) -> int:
    """At most `wanted`. Raises the limit as far as the process may, and as far as that many need."""
    needed = wanted * FILES_OF_ONE + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS refuses what is above a limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, (soft - RESERVED) // FILES_OF_ONE))
