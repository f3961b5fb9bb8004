-- Every statement of the SQLite store. A statement begins with its name and a sentence on what it does.

-- name: insert_call
-- A new call; changes nothing when the id is taken.
INSERT INTO calls (call_id, resource, state, created_at, ended_at, revision, call)
VALUES (?, ?, ?, ?, ?, 1, ?)
ON CONFLICT (call_id) DO NOTHING;

-- name: insert_leg
-- The leg of a new call.
INSERT INTO legs (number, leg) VALUES (?, ?);

-- name: update_call
-- The next revision of a call; changes nothing unless the stored revision is the one before.
UPDATE calls SET state = ?, ended_at = ?, revision = ?, call = ?
WHERE call_id = ? AND revision = ?;

-- name: find_call
-- One call by its whole id.
SELECT call_id, call FROM calls WHERE call_id = ?;

-- name: find_calls_between
-- At most two calls whose ids lie in a range: enough to see whether a prefix is unique.
SELECT call_id, call FROM calls WHERE call_id >= ? AND call_id < ? LIMIT 2;

-- name: recent_calls
-- The calls that arrived last, newest first.
SELECT call_id, call FROM calls ORDER BY number DESC LIMIT ?;

-- name: live_calls
-- Every call that has not ended, in order of arrival; CROSS JOIN walks the few legs, not the many calls.
SELECT call_id, call, revision, leg FROM legs CROSS JOIN calls USING (number) WHERE ended_at = 0 ORDER BY legs.number;

-- name: ended_calls
-- The calls that ended at or after a moment, in order of arrival; reads the whole table, so for the start only.
SELECT call_id, call, revision, leg FROM calls LEFT JOIN legs USING (number)
WHERE ended_at > 0 AND ended_at >= ? ORDER BY calls.number;

-- name: insert_event
-- An event to deliver; one that is there already stays as it is.
INSERT INTO outbox (
    event_id, subscription, call_id, body, created_at, expires_at, outlives_hop, attempts, last_attempt_at, last_outcome
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (event_id, subscription) DO NOTHING;

-- name: withdraw_event
-- The deliveries of one event that are still to be made are dropped, but for those that outlive its hop.
DELETE FROM outbox WHERE event_id = ? AND outlives_hop = 0;

-- name: event_tried
-- How often one delivery was tried.
UPDATE outbox SET attempts = ?, last_attempt_at = ?, last_outcome = ? WHERE event_id = ? AND subscription = ?;

-- name: delete_delivered
-- One delivery needs no further attempt.
DELETE FROM outbox WHERE event_id = ? AND subscription = ?;

-- name: pending_events
-- Every undelivered event, oldest first.
SELECT event_id, subscription, call_id, body, created_at, expires_at,
    outlives_hop, attempts, last_attempt_at, last_outcome
FROM outbox ORDER BY number;

-- name: upsert_receipt
-- The answer to a request; a request id used again after its time gets the new answer.
INSERT INTO receipts (scope, request_id, fingerprint, accepted_at, status, body, correlation_id)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (scope, request_id) DO UPDATE SET
    fingerprint = excluded.fingerprint,
    accepted_at = excluded.accepted_at,
    status = excluded.status,
    body = excluded.body,
    correlation_id = excluded.correlation_id;

-- name: find_receipt
-- The answer given to a request id.
SELECT scope, request_id, fingerprint, accepted_at, status, body, correlation_id
FROM receipts WHERE scope = ? AND request_id = ?;

-- name: newest_receipt
-- The number of the receipt that was first saved last.
SELECT coalesce(max(number), 0) FROM receipts;

-- name: receipt_ids
-- At most so many request ids after a number.
SELECT number, scope, request_id FROM receipts WHERE number > ? ORDER BY number LIMIT ?;

-- name: insert_secret
-- A new secret; changes nothing when there is one of that name.
INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING;

-- name: find_secret
-- One secret.
SELECT value FROM secrets WHERE name = ?;

-- name: drop_legs
-- The legs of calls that ended before a moment, at most so many, the oldest calls first.
DELETE FROM legs WHERE number IN (
    SELECT legs.number FROM legs CROSS JOIN calls USING (number)
    WHERE ended_at > 0 AND ended_at < ? ORDER BY legs.number LIMIT ?
);

-- name: prune_calls
-- Of the so many oldest calls, the ended ones that ended before a moment or are not among the newest calls.
DELETE FROM calls WHERE number IN (SELECT number FROM calls ORDER BY number LIMIT ?)
AND ended_at > 0
AND (ended_at < ? OR number <= (SELECT max(number) FROM calls) - ?);

-- name: prune_receipts
-- Of the so many oldest receipts, those given before a moment or not among the newest.
DELETE FROM receipts WHERE number IN (SELECT number FROM receipts ORDER BY number LIMIT ?)
AND (accepted_at < ? OR number <= (SELECT max(number) FROM receipts) - ?);

-- name: outbox_window
-- Where a window of so many events after a number ends.
SELECT max(number) FROM (SELECT number FROM outbox WHERE number > ? ORDER BY number LIMIT ?);

-- name: expire_events
-- The events of a window whose time is over.
DELETE FROM outbox WHERE number > ? AND number <= ? AND expires_at <= ?;

-- name: outbox_span
-- A bound on how many events are pending that costs two look-ups, where counting would read them all.
SELECT (SELECT max(number) FROM outbox) - (SELECT min(number) FROM outbox) + 1;

-- name: count_events
-- How many events are pending.
SELECT count(*) FROM outbox;

-- name: drop_oldest_events
-- The so many oldest events.
DELETE FROM outbox WHERE number IN (SELECT number FROM outbox ORDER BY number LIMIT ?);
