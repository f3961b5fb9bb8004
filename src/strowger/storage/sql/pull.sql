-- The statements about events that applications fetch. They wait in the outbox like all others.

-- name: pull_events
-- The oldest events of a subscription after a number that still matter.
SELECT number, event_id, subscription, call_id, body, created_at, expires_at,
    outlives_hop, attempts, last_attempt_at, last_outcome
FROM outbox WHERE subscription = ? AND number > ? AND expires_at > ? ORDER BY number LIMIT ?;

-- name: count_pulled
-- How many events of a subscription wait and still matter.
SELECT count(*) FROM outbox WHERE subscription = ? AND expires_at > ?;

-- name: last_event_number
-- The greatest number that an event ever had.
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0);

-- name: acknowledge_up_to
-- What a reader has, up to a number.
DELETE FROM outbox WHERE subscription = ? AND number <= ?;

-- name: acknowledge_one
-- One event that a reader has; the number of another subscription's event is none of its own.
DELETE FROM outbox WHERE subscription = ? AND number = ?;

-- name: keep_newest_events
-- All events of a subscription but the newest so many that still matter.
DELETE FROM outbox WHERE subscription = ? AND number <= (
    SELECT number FROM outbox WHERE subscription = ? AND expires_at > ? ORDER BY number DESC LIMIT 1 OFFSET ?
);
