-- Calls in the order of their arrival. The columns asked for come before the two large ones.
CREATE TABLE calls (
    number INTEGER PRIMARY KEY,
    call_id TEXT NOT NULL UNIQUE,
    resource TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at REAL NOT NULL,
    ended_at REAL NOT NULL,
    revision INTEGER NOT NULL,
    call BLOB NOT NULL,
    leg BLOB
);

-- Live calls (ended_at = 0, they always have a leg) and ended ones whose leg is not dropped yet: a few rows, however many calls are kept.
CREATE INDEX calls_with_leg ON calls (ended_at) WHERE leg IS NOT NULL;
