-- name: bundle
SELECT id, owner, size, until FROM bundles WHERE name = ?;
-- name: bundles of
SELECT count(*) FROM bundles WHERE owner = ?;
-- name: add bundle
INSERT INTO bundles (name, owner, size, until, body) VALUES (?, ?, ?, ?, ?);
-- name: remove bundle
DELETE FROM bundles WHERE id = ?;
-- name: read bundle
SELECT body FROM bundles WHERE name = ? AND until > ?;
-- name: old bundles
SELECT id, size FROM bundles WHERE until <= ? ORDER BY until LIMIT ?;
