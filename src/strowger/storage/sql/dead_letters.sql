-- The statements about events that were given up.

-- name: bury_event
-- An event that was given up.
INSERT INTO dead_letters (
    letter_id, reason, why, died_at, event_id, subscription, call_id, body, created_at, expires_at,
    outlives_hop, attempts, last_attempt_at, last_outcome
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (letter_id) DO NOTHING;

-- name: delete_dead_letter
-- A letter that nobody wants any more, or whose event is sent again.
DELETE FROM dead_letters WHERE letter_id = ?;

-- name: kept_dead_letters
-- What the bounds need to know of every letter, oldest first.
SELECT letter_id, length(body), died_at FROM dead_letters ORDER BY number;

-- name: find_dead_letter
-- One letter by its whole id.
SELECT letter_id, reason, why, died_at, event_id, subscription, call_id, body, created_at, expires_at,
    outlives_hop, attempts, last_attempt_at, last_outcome
FROM dead_letters WHERE letter_id = ?;

-- name: newest_dead_letters
-- The newest letters of one subscription, or of all, at most so many.
SELECT letter_id, reason, why, died_at, event_id, subscription, call_id, body, created_at, expires_at,
    outlives_hop, attempts, last_attempt_at, last_outcome
FROM dead_letters WHERE ?1 IN ('', subscription) ORDER BY number DESC LIMIT ?2;
