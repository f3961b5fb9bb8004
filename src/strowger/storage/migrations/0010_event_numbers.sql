-- Events get numbers that are never given twice, whatever was deleted in between: applications that fetch their events
-- resume by them. SQLite makes that of a new table only.
CREATE TABLE numbered_outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    subscription TEXT NOT NULL,
    call_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    outlives_hop INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_attempt_at REAL NOT NULL,
    last_outcome TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (event_id, subscription)
);
INSERT INTO numbered_outbox
SELECT number, event_id, subscription, call_id, created_at, expires_at,
    outlives_hop, attempts, last_attempt_at, last_outcome, body
FROM outbox ORDER BY number;
DROP TABLE outbox;
ALTER TABLE numbered_outbox RENAME TO outbox;

-- Each subscription's events in the order of their numbers, and when they expire.
CREATE INDEX outbox_of_subscription ON outbox (subscription, number, expires_at);
