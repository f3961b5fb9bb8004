-- The statements about identities and the keys that sign their tokens.

-- name: save_identity
-- A new identity, or the same one after a revocation.
INSERT INTO identities (raw_id, resource, created_at, not_before) VALUES (?, ?, ?, ?)
ON CONFLICT (raw_id) DO UPDATE SET not_before = excluded.not_before;

-- name: delete_identity
-- An identity that is no more.
DELETE FROM identities WHERE raw_id = ?;

-- name: identities
-- Every identity, in the order of their first saving.
SELECT raw_id, resource, created_at, not_before FROM identities ORDER BY number;

-- name: save_signing_key
-- A new key.
INSERT INTO signing_keys (kid, created_at, private) VALUES (?, ?, ?);

-- name: delete_signing_key
-- A key of which no token is valid any more.
DELETE FROM signing_keys WHERE kid = ?;

-- name: signing_keys
-- Every key, in the order of their saving.
SELECT kid, created_at, private FROM signing_keys ORDER BY number;

-- name: save_token_password
-- What is kept of a token; of the same token nothing new.
INSERT INTO token_passwords (token_hash, raw_id, issued_under, expires_at, encoded) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (token_hash) DO NOTHING;

-- name: delete_token_password
-- A token that ended, was revoked, or had to make room.
DELETE FROM token_passwords WHERE token_hash = ?;

-- name: token_passwords
-- Every one, in the order of their saving.
SELECT token_hash, raw_id, issued_under, expires_at, encoded FROM token_passwords ORDER BY number;
