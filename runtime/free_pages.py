"""Pages of a SQLite file that deleted rows have freed: given back to the file system in small steps, so that a file which was
large once does not stay so. For files that were made with `INCREMENTAL`; others keep their size."""

import sqlite3

INCREMENTAL = "PRAGMA auto_vacuum = INCREMENTAL"  # before the first table is made
RELEASED_MAX = 200  # in one step: about ten milliseconds


def release(connection: sqlite3.Connection, keep: int = 0) -> bool:
    """One step, outside of a transaction. `keep`: pages that the next rows will need. Whether there is more to do."""
    before = _count(connection)
    if before <= keep:
        return False
    # A script, because `execute()` takes only the first step of this statement, which is one page.
    connection.executescript(f"PRAGMA incremental_vacuum({min(before - keep, RELEASED_MAX)})")
    return keep < _count(connection) < before


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])
