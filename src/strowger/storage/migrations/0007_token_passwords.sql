-- What phones prove themselves with while a user access token stands for a password, until the token ends.
CREATE TABLE token_passwords (
    number INTEGER PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    raw_id TEXT NOT NULL,
    issued_under INTEGER NOT NULL,
    expires_at REAL NOT NULL,
    encoded BLOB NOT NULL
);
