-- name: marks of peer
SELECT author, seq, event, read FROM marks WHERE conversation = ? AND account = ? AND device = ?;

-- name: marks
SELECT m.account, m.device, m.author, m.seq, m.event, m.read
FROM marks m JOIN conversations c ON c.id = m.conversation WHERE c.name = ?;

-- name: put mark
INSERT OR REPLACE INTO marks (conversation, account, device, author, seq, event, read, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: delete mark
DELETE FROM marks WHERE conversation = ? AND account = ? AND device = ? AND author = ?;

-- What everybody else of a conversation has: in a direct one, the furthest of
-- the other account's devices.
-- name: refresh delivered
UPDATE authors SET (delivered, seen) = (
	SELECT coalesce(max(m.seq), 0), coalesce(max(m.read), 0) FROM marks m
	WHERE m.conversation = authors.conversation AND m.author = authors.device
	AND m.account = (SELECT account FROM conversations c WHERE c.id = authors.conversation))
WHERE conversation = ?;

-- name: is author of
SELECT 1 FROM authors WHERE conversation = ? AND device = ? AND account = ?;

-- name: insert step
INSERT INTO steps (conversation, account, device, author, seq, read, at)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: thin steps
DELETE FROM steps WHERE conversation = ?1 AND id <= (
	SELECT id FROM steps INDEXED BY steps_conversation
	WHERE conversation = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2);

-- name: receipts
SELECT m.account, m.device,
       CASE WHEN m.seq >= ?3 THEN coalesce((
           SELECT min(s.at) FROM steps s
           WHERE s.conversation = ?1 AND s.author = ?2 AND s.account = m.account AND s.device = m.device
           AND s.seq >= ?3), m.at) ELSE 0 END,
       CASE WHEN m.read >= ?3 THEN coalesce((
           SELECT min(s.at) FROM steps s
           WHERE s.conversation = ?1 AND s.author = ?2 AND s.account = m.account AND s.device = m.device
           AND s.read >= ?3), m.at) ELSE 0 END
FROM marks m
WHERE m.conversation = ?1 AND m.author = ?2;
