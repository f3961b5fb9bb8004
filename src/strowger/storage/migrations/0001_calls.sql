-- Calls in the order of their arrival. The columns asked for come before the large one.
CREATE TABLE calls (
    number INTEGER PRIMARY KEY,
    call_id TEXT NOT NULL UNIQUE,
    resource TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at REAL NOT NULL,
    ended_at REAL NOT NULL,
    revision INTEGER NOT NULL,
    call BLOB NOT NULL
);

-- The legs of live calls (they always have one) and of ended ones whose leg is not dropped yet: a few rows, however
-- many calls are kept. Apart from the calls, because a leg never changes and a call does with every decision.
CREATE TABLE legs (
    number INTEGER PRIMARY KEY REFERENCES calls (number) ON DELETE CASCADE,
    leg BLOB NOT NULL
);
