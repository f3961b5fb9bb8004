-- Users that were created while the server ran, and the revocations of those of the settings.
CREATE TABLE identities (
    number INTEGER PRIMARY KEY,
    raw_id TEXT NOT NULL UNIQUE,
    resource TEXT NOT NULL,
    created_at REAL NOT NULL,
    not_before INTEGER NOT NULL
);

-- The keys that sign access tokens, until the last token of each is over.
CREATE TABLE signing_keys (
    number INTEGER PRIMARY KEY,
    kid TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    private BLOB NOT NULL
);
