-- The statements about subscriptions that were made, or paused, while the server ran.

-- name: save_subscription
-- A new one, or the same one after a change.
INSERT INTO subscriptions (name, created_at, is_paused, document) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET is_paused = excluded.is_paused, document = excluded.document;

-- name: delete_subscription
-- One that is no more.
DELETE FROM subscriptions WHERE name = ?;

-- name: subscriptions
-- Every one, in the order of their first saving.
SELECT name, created_at, is_paused, document FROM subscriptions ORDER BY number;
