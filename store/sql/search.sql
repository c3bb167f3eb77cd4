-- name: queue new
INSERT INTO unindexed (id, fresh) VALUES (?, 1);

-- What was hidden is not in the index, unless the change to that is queued yet.
-- name: queue shown
INSERT OR IGNORE INTO unindexed (id, fresh) VALUES (?, 1);

-- name: queue changed
INSERT OR IGNORE INTO unindexed (id, fresh) VALUES (?, 0);

-- name: unindexed
SELECT u.id, u.fresh, m.text, m.conversation, m.hidden OR m.deleted, m.body
FROM unindexed u JOIN messages m ON m.id = u.id
ORDER BY u.id LIMIT ?;

-- name: anything unindexed
SELECT 1 FROM unindexed LIMIT 1;

-- name: indexed
DELETE FROM unindexed WHERE id = ?;

-- name: index words
INSERT INTO words (rowid, text, conversation) VALUES (?, ?, ?);

-- name: unindex words
DELETE FROM words WHERE rowid = ?;

-- name: count hits
SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?);

-- The subquery keeps SQLite from joining first and sorting then.
-- name: search
SELECT * FROM entries WHERE id IN (
	SELECT rowid FROM words WHERE words MATCH ?1 ORDER BY rowid DESC LIMIT ?2)
AND hidden = 0 AND (?3 IS NULL OR cid = ?3)
ORDER BY id DESC LIMIT ?4;
