-- The contacts of users: a row holds all contacts of one address of record, until the last of them expires.
CREATE TABLE bindings (
    number INTEGER PRIMARY KEY,
    aor TEXT NOT NULL UNIQUE,
    encoded BLOB NOT NULL,
    expires_at REAL NOT NULL
);
CREATE INDEX bindings_by_expiry ON bindings (expires_at);
