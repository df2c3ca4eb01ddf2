"""The tables of registered webhook endpoints and of the delivery log: their definition, and what is written into them."""

# `seen`: the last cluster with a record of the endpoint or the attempt, as for jobs. `state`: the webhook sink's record, which
# may be read before the endpoint's. `recipient`: an endpoint's id, or `job` for the URL of the job itself.
WEBHOOK_TABLES = """
CREATE TABLE webhook_endpoints (
    endpoint_id TEXT PRIMARY KEY, owner TEXT NOT NULL DEFAULT '', created_s REAL NOT NULL DEFAULT 0, seen INTEGER NOT NULL,
    endpoint BLOB, state BLOB
);
CREATE INDEX webhook_endpoints_listed ON webhook_endpoints (created_s, endpoint_id, owner) WHERE endpoint IS NOT NULL;
CREATE TABLE webhook_attempts (
    attempt_id TEXT PRIMARY KEY, attempted_s REAL NOT NULL, owner TEXT NOT NULL, webhook_id TEXT NOT NULL,
    recipient TEXT NOT NULL, job_id TEXT, type TEXT NOT NULL, state TEXT NOT NULL, seen INTEGER NOT NULL, record BLOB NOT NULL
);
CREATE INDEX webhook_attempts_listed ON webhook_attempts (attempted_s, attempt_id, owner, recipient, job_id, type, state);
CREATE INDEX webhook_attempts_by_job ON webhook_attempts (job_id, recipient, type, state);
CREATE INDEX webhook_attempts_by_message ON webhook_attempts (webhook_id, recipient);
"""
# What was to be sent again and is not settled, for a successor of the embedded broker: its first attempt may have no row.
RESEND_TABLE = """
CREATE TABLE webhook_resends (
    webhook_id TEXT NOT NULL, recipient TEXT NOT NULL, requested_at TEXT NOT NULL, requested_s REAL NOT NULL,
    PRIMARY KEY (webhook_id, recipient)
) WITHOUT ROWID;
"""
# Its only attempt may have been read already.
RESEND = """
INSERT OR REPLACE INTO webhook_resends SELECT :webhook_id, :recipient, :requested_at, :requested_s WHERE NOT EXISTS (
    SELECT 1 FROM webhook_attempts
    WHERE webhook_id = :webhook_id AND recipient = :recipient AND attempted_s >= :requested_s AND state != 'pending'
)
"""
RESEND_ENDED = "DELETE FROM webhook_resends WHERE webhook_id = ? AND recipient = ? AND requested_s <= ?"
ENDPOINT = """
INSERT INTO webhook_endpoints (endpoint_id, owner, created_s, seen, endpoint) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (endpoint_id) DO UPDATE SET owner = excluded.owner, created_s = excluded.created_s, seen = excluded.seen,
    endpoint = excluded.endpoint
"""
STATE = """
INSERT INTO webhook_endpoints (endpoint_id, seen, state) VALUES (?, ?, ?)
ON CONFLICT (endpoint_id) DO UPDATE SET seen = excluded.seen, state = excluded.state
"""
ATTEMPT = "INSERT OR REPLACE INTO webhook_attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# Of each message the recipients with their last attempt: SQLite takes the other columns from the row of the one maximum. The
# messages about its progress, one for each step, are in the log only.
OF_JOB = """
SELECT record, count(*), sum(state = 'delivered'), max(attempted_s) FROM webhook_attempts
WHERE job_id = ? AND type != 'transcription.progress' GROUP BY recipient, webhook_id LIMIT ?
"""
LAST_ATTEMPTS = """
SELECT webhook_id, recipient, CASE state WHEN 'pending' THEN record END, max(attempted_s) FROM webhook_attempts
WHERE attempted_s >= ? GROUP BY webhook_id, recipient
"""
ENDED_SINCE = """
SELECT changed FROM (
    SELECT job_id, ended_s FROM jobs AS ended INDEXED BY jobs_by_end
    WHERE owner = ? AND ended_s >= ? AND ended_s < ? AND state IN ({states}) AND (? OR NOT EXISTS (
        SELECT 1 FROM webhook_attempts AS attempts
        WHERE attempts.job_id = ended.job_id AND recipient = ? AND type IN ({types}) AND attempts.state = 'delivered'
    )) ORDER BY ended_s, job_id LIMIT ?
) AS found CROSS JOIN jobs USING (job_id) ORDER BY found.ended_s, job_id
"""
