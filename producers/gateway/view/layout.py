"""The tables of the view's file: their definition, what brings an older file up to date, and what is written into them."""

from producers.gateway.view.counts import COUNT_ROWS, COUNTS
from producers.gateway.view.letter_book import LETTER_TABLES
from producers.gateway.view.webhook_layout import RESEND_TABLE, WEBHOOK_TABLES
from runtime.objects import keys

LAYOUT = 11  # of the tables below; an unknown one is rebuilt from the topics
# Clusters are numbered as they appear: `seen` is the last one with a record of the job, `told` the one that its state is from.
# `model`, `name` and `cached` repeat what the records say, for the list and the counts; `name` is the file's, in lower case.
# `audio`: the key of the upload that the job has, unless it has the job's id; `ended_s`: when it ended.
JOBS_INDEXES = """
CREATE INDEX jobs_by_work ON jobs (work_id);
CREATE INDEX jobs_by_audio ON jobs (audio, ended_s) WHERE audio IS NOT NULL;
CREATE INDEX jobs_by_end ON jobs (owner, ended_s, job_id, state) WHERE ended_s IS NOT NULL;
CREATE INDEX jobs_listed ON jobs (state, submitted_s, job_id, model, name) WHERE deleted = 0;
CREATE INDEX jobs_of_owner ON jobs (owner, state, submitted_s, job_id, cached, model, name) WHERE deleted = 0;
CREATE INDEX jobs_noted ON jobs (deleted) WHERE deleted > 0 AND changed IS NULL;
"""
GROUP_INDEXES = """
CREATE INDEX jobs_by_batch ON jobs (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX jobs_by_key ON jobs (idempotency) WHERE idempotency IS NOT NULL;
"""
CACHE = """
CREATE TABLE cache (
    work_id BLOB PRIMARY KEY, finished_s REAL NOT NULL, size_bytes INTEGER NOT NULL,
    duration_s REAL, language TEXT, used_s REAL, hits INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX cache_by_age ON cache (finished_s, size_bytes);
"""
TABLES = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE offsets (topic TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY, work_id TEXT NOT NULL, state TEXT NOT NULL, owner TEXT NOT NULL, submitted_s REAL NOT NULL,
    seen INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0, requested BLOB, changed BLOB,
    cancelled BLOB, deleted INTEGER NOT NULL DEFAULT 0,
    model TEXT NOT NULL DEFAULT '', name TEXT NOT NULL DEFAULT '', cached INTEGER NOT NULL DEFAULT 0,
    batch_id TEXT, idempotency TEXT, audio TEXT, ended_s REAL
);
{JOBS_INDEXES}{GROUP_INDEXES}{WEBHOOK_TABLES}{CACHE}{LETTER_TABLES}{RESEND_TABLE}{COUNTS}"""
FROM_10 = "DROP INDEX jobs_by_audio; CREATE INDEX jobs_by_audio ON jobs (audio, ended_s) WHERE audio IS NOT NULL;"
# As `JobRows` does it.
FROM_9 = f"""
DROP INDEX IF EXISTS jobs_by_state; DROP INDEX IF EXISTS jobs_by_owner; DROP INDEX IF EXISTS jobs_by_time;
DROP INDEX IF EXISTS jobs_by_work; DROP INDEX IF EXISTS jobs_listed; DROP INDEX IF EXISTS jobs_counted;
ALTER TABLE jobs ADD COLUMN audio TEXT;
ALTER TABLE jobs ADD COLUMN ended_s REAL;
WITH records AS (SELECT job_id, CAST(requested AS TEXT) AS first, CAST(changed AS TEXT) AS last FROM jobs WHERE deleted = 0)
UPDATE jobs SET
    audio = coalesce(
        json_extract(first, '$.work.audio.key'), json_extract(last, '$.job.dropped.key'), json_extract(last, '$.job.stored.key'),
        '{keys.UPLOADS}' || coalesce(json_extract(last, '$.job.retry_of'), jobs.job_id)
    ),
    ended_s = CASE WHEN state IN ('SUCCESS', 'FAILURE', 'REVOKED') THEN timestamp(json_extract(last, '$.changed_at')) END
FROM records WHERE records.job_id = jobs.job_id AND json_valid(coalesce(first, '{{}}')) AND json_valid(coalesce(last, '{{}}'));
UPDATE jobs SET audio = NULL
    WHERE audio = '{keys.UPLOADS}' || job_id OR NOT (audio LIKE '{keys.UPLOADS}%' OR audio LIKE '{keys.DIRECT_UPLOADS}%');
{JOBS_INDEXES}{COUNTS}{COUNT_ROWS}"""
FROM_8 = RESEND_TABLE + FROM_9
FROM_7 = LETTER_TABLES + FROM_8
FROM_6 = CACHE + FROM_7
FROM_5 = WEBHOOK_TABLES + FROM_6
FROM_4 = f"""
ALTER TABLE jobs ADD COLUMN batch_id TEXT;
ALTER TABLE jobs ADD COLUMN idempotency TEXT;
{GROUP_INDEXES}{FROM_5}"""
FROM_3 = f"""
ALTER TABLE jobs ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN cached INTEGER NOT NULL DEFAULT 0;
WITH records AS (SELECT job_id, CAST(coalesce(changed, requested) AS TEXT) AS record FROM jobs)
UPDATE jobs SET
    model = coalesce(json_extract(record, '$.model.name'), json_extract(record, '$.work.model.name'), ''),
    name = casefold(coalesce(json_extract(record, '$.job.dropped.key'), json_extract(record, '$.job.filename'), '')),
    cached = coalesce(json_extract(record, '$.cached'), 0)
FROM records WHERE records.job_id = jobs.job_id AND json_valid(record);
{FROM_4}"""
FROM_2 = "ALTER TABLE jobs ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;" + FROM_3
FROM_1 = "ALTER TABLE jobs ADD COLUMN cancelled BLOB;" + FROM_2
UPGRADES = {1: FROM_1, 2: FROM_2, 3: FROM_3, 4: FROM_4, 5: FROM_5, 6: FROM_6, 7: FROM_7, 8: FROM_8, 9: FROM_9, 10: FROM_10}
REQUESTED = """
INSERT INTO jobs (job_id, work_id, state, owner, submitted_s, seen, requested, batch_id, idempotency, model, name, audio)
VALUES (?, ?, 'PENDING', ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (job_id) DO UPDATE SET seen = excluded.seen, requested = CASE WHEN deleted THEN NULL ELSE excluded.requested END
"""
CHANGED = """
INSERT INTO jobs (
    job_id, work_id, state, owner, submitted_s, seen, told, changed, batch_id, idempotency, model, name, cached, audio, ended_s
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (job_id) DO UPDATE SET
    work_id = excluded.work_id, state = excluded.state, seen = excluded.seen, told = excluded.told, changed = excluded.changed,
    cached = excluded.cached, ended_s = excluded.ended_s
"""
# `deleted`: when, in seconds since 1970 (1 in files of an earlier version), or 0. A deletion may be read before the job.
DELETED = """
INSERT INTO jobs (job_id, work_id, state, owner, submitted_s, seen, deleted, changed) VALUES (?, ?, 'REVOKED', '', 0, ?, ?, ?)
ON CONFLICT (job_id) DO UPDATE SET
    seen = excluded.seen, deleted = CASE deleted WHEN 0 THEN excluded.deleted ELSE deleted END,
    requested = NULL, cancelled = NULL, changed = excluded.changed, name = '', audio = NULL, ended_s = NULL
"""
