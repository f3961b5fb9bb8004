-- Subscriptions that were made while the server ran, and the pauses of those of the settings, whose document is empty.
CREATE TABLE subscriptions (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    is_paused INTEGER NOT NULL,
    document BLOB NOT NULL
);
