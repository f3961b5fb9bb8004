-- The statements about the contacts of users.

-- name: save_bindings
-- All contacts of one address, in place of those it had.
INSERT INTO bindings (aor, encoded, expires_at) VALUES (?, ?, ?)
ON CONFLICT (aor) DO UPDATE SET encoded = excluded.encoded, expires_at = excluded.expires_at;

-- name: delete_bindings
-- An address without contacts.
DELETE FROM bindings WHERE aor = ?;

-- name: live_bindings
-- Every address of which a contact has not expired.
SELECT aor, encoded, expires_at FROM bindings WHERE expires_at > ?;

-- name: prune_bindings
-- A few addresses of which every contact has expired.
DELETE FROM bindings WHERE number IN (SELECT number FROM bindings WHERE expires_at <= ? ORDER BY expires_at LIMIT ?);
