-- Answers to repeatable requests, in the order of their first saving.
CREATE TABLE receipts (
    number INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    request_id TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    accepted_at REAL NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    correlation_id TEXT NOT NULL,
    UNIQUE (scope, request_id)
);
