-- name: box
SELECT id, token, used FROM boxes WHERE key = ?;
-- name: box use
SELECT count(*), coalesce(sum(size), 0) FROM envelopes WHERE box = ?;
-- name: add box
INSERT INTO boxes (key, token, used) VALUES (?, ?, ?) RETURNING id;
-- name: set box
UPDATE boxes SET token = ?, used = ? WHERE id = ?;
-- name: unused boxes
SELECT id, key FROM boxes WHERE used < ? ORDER BY used LIMIT ?;
-- name: remove box
DELETE FROM boxes WHERE id = ?;
-- name: empty box
DELETE FROM envelopes WHERE box = ?;

-- name: leave
INSERT INTO envelopes (box, size, until, body) VALUES (?, ?, ?, ?);
-- name: fetch
SELECT id, body FROM envelopes
WHERE box = (SELECT id FROM boxes WHERE key = ?) AND id > ? ORDER BY id LIMIT ?;
-- name: take
DELETE FROM envelopes WHERE id = ? AND box = ? RETURNING size;
-- name: oldest
SELECT e.id, e.size, e.until, b.key FROM envelopes e LEFT JOIN boxes b ON b.id = e.box
ORDER BY e.id LIMIT ?;
-- name: expire
DELETE FROM envelopes WHERE id = ?;
-- name: totals
SELECT (SELECT count(*) FROM boxes),
       (SELECT count(*) FROM envelopes INDEXED BY envelopes_by_box),
       (SELECT coalesce(sum(size), 0) FROM envelopes INDEXED BY envelopes_by_box)
       + (SELECT coalesce(sum(size), 0) FROM bundles);
