-- Whether an event is still delivered when its hop is closed, and how often it was tried.
ALTER TABLE outbox ADD COLUMN outlives_hop INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN last_attempt_at REAL NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN last_outcome TEXT NOT NULL DEFAULT '';

-- Events that were given up, in the order in which that happened.
CREATE TABLE dead_letters (
    number INTEGER PRIMARY KEY,
    letter_id TEXT NOT NULL UNIQUE,
    reason TEXT NOT NULL,
    why TEXT NOT NULL,
    died_at REAL NOT NULL,
    event_id TEXT NOT NULL,
    subscription TEXT NOT NULL,
    call_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    outlives_hop INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_attempt_at REAL NOT NULL,
    last_outcome TEXT NOT NULL,
    body BLOB NOT NULL
);
