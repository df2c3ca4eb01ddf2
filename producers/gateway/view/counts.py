"""How many jobs and cache entries the view has, kept by triggers as rows come and go: no question counts all rows.

Part of the view's file (`layout.py`); read by `job_book.py` and `cached_works.py`.
"""

import sqlite3
from typing import get_args

from schemas.jobs import State

AGE_BUCKET_S = 600  # entries are counted by when they were made, since those that have expired do not count
_SINCE_CLEARING = "submitted_s > (SELECT at_s FROM cache_clearing)"
_BUCKET = f"CAST({{row}}.finished_s / {AGE_BUCKET_S} AS INTEGER)"


def _job(row: str, count: int) -> str:
    return f"""INSERT INTO job_counts VALUES ({row}.owner, {row}.state, {row}.cached, {row}.{_SINCE_CLEARING}, {count})
        ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs;"""


def _entry_added(row: str) -> str:
    return f"""INSERT INTO cache_counts VALUES ({_BUCKET.format(row=row)}, 1, {row}.size_bytes)
        ON CONFLICT DO UPDATE SET entries = entries + 1, size_bytes = size_bytes + excluded.size_bytes;"""


def _entry_removed(row: str) -> str:
    where = f"bucket = {_BUCKET.format(row=row)}"
    return f"""UPDATE cache_counts SET entries = entries - 1, size_bytes = size_bytes - {row}.size_bytes WHERE {where};
        DELETE FROM cache_counts WHERE {where} AND entries = 0;"""


# `since_clearing`: of jobs that were submitted after the whole cache was cleared last. Deleted jobs do not count.
COUNTS = f"""
CREATE TABLE cache_clearing (at_s REAL NOT NULL);
INSERT INTO cache_clearing VALUES (0);
CREATE TABLE job_counts (
    owner TEXT, state TEXT, cached INTEGER, since_clearing INTEGER, jobs INTEGER NOT NULL,
    PRIMARY KEY (owner, state, cached, since_clearing)
) WITHOUT ROWID;
CREATE TABLE cache_counts (bucket INTEGER PRIMARY KEY, entries INTEGER NOT NULL, size_bytes INTEGER NOT NULL);
CREATE TRIGGER job_added AFTER INSERT ON jobs WHEN new.deleted = 0 BEGIN {_job("new", 1)} END;
CREATE TRIGGER job_removed AFTER DELETE ON jobs WHEN old.deleted = 0 BEGIN {_job("old", -1)} END;
CREATE TRIGGER job_hidden AFTER UPDATE OF deleted ON jobs WHEN old.deleted = 0 AND new.deleted <> 0 BEGIN {_job("old", -1)} END;
CREATE TRIGGER job_changed AFTER UPDATE OF state, cached ON jobs
    WHEN old.deleted = 0 AND new.deleted = 0 AND (old.state, old.cached) <> (new.state, new.cached)
    BEGIN {_job("old", -1)} {_job("new", 1)} END;
CREATE TRIGGER entry_added AFTER INSERT ON cache BEGIN {_entry_added("new")} END;
CREATE TRIGGER entry_removed AFTER DELETE ON cache BEGIN {_entry_removed("old")} END;
CREATE TRIGGER entry_changed AFTER UPDATE ON cache
    WHEN (old.finished_s, old.size_bytes) <> (new.finished_s, new.size_bytes)
    BEGIN {_entry_removed("old")} {_entry_added("new")} END;
"""
# For a file that has rows already.
COUNT_ROWS = f"""
UPDATE cache_clearing SET at_s = timestamp(value) FROM meta WHERE name = 'cache_cleared_at';
INSERT INTO job_counts
    SELECT owner, state, cached, {_SINCE_CLEARING}, count(*) FROM jobs WHERE deleted = 0 GROUP BY 1, 2, 3, 4;
INSERT INTO cache_counts SELECT {_BUCKET.format(row="cache")}, count(*), sum(size_bytes) FROM cache GROUP BY 1;
"""
_ALL_BEFORE = """
INSERT INTO job_counts SELECT owner, state, cached, 0, jobs FROM job_counts WHERE since_clearing
ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs
"""
_BUT_LATER = f"""
INSERT INTO job_counts SELECT owner, state, cached, ?, ? * count(*) FROM jobs INDEXED BY jobs_listed
WHERE state IN ({", ".join(f"'{state}'" for state in get_args(State))}) AND deleted = 0 AND {_SINCE_CLEARING} GROUP BY 1, 2, 3
ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs
"""


def cleared(sql: sqlite3.Connection, at_s: float) -> None:
    """The whole cache was cleared then, later than before. Looks at the jobs that were submitted since."""
    sql.execute("UPDATE cache_clearing SET at_s = ?", (at_s,))
    sql.execute(_ALL_BEFORE)
    sql.execute("DELETE FROM job_counts WHERE since_clearing")
    sql.executemany(_BUT_LATER, [(0, -1), (1, 1)])
