-- Events not delivered yet, in the order of their making.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    subscription TEXT NOT NULL,
    call_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (event_id, subscription)
);
