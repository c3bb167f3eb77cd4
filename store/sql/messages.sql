-- name: insert message
INSERT INTO messages (id, conversation, ord, seq, author, event, sent,
                      text, reply_to, edited, deleted, hidden, reactions)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: update message
UPDATE messages SET text = ?2, edited = ?3, deleted = ?4, reactions = ?5 WHERE id = ?1;

-- name: message
SELECT * FROM entries
WHERE id = (SELECT e.id FROM events e JOIN messages m ON m.id = e.id WHERE e.event = ?);

-- name: messages before
SELECT * FROM entries
WHERE cid = ?1 AND hidden = 0 AND (ord, event) < (?2, ?3)
ORDER BY ord DESC, event DESC LIMIT ?4;

-- name: messages after
SELECT * FROM entries
WHERE cid = ?1 AND hidden = 0 AND (ord, event) > (?2, ?3) AND (ord, event) < (?4, ?5)
ORDER BY ord, event LIMIT ?6;

-- name: messages with prefix
SELECT DISTINCT m.event FROM events e JOIN messages m ON m.id = e.id
WHERE e.event BETWEEN ? AND ? AND NOT m.hidden LIMIT 2;

-- name: author's newest message
SELECT * FROM entries WHERE id = (
	SELECT m.id FROM events e JOIN messages m ON m.id = e.id
	WHERE e.author = ? AND NOT m.deleted AND NOT m.hidden
	ORDER BY e.seq DESC LIMIT 1);

-- name: conversations
SELECT name, account, unread FROM conversations ORDER BY active DESC, name;

-- name: one conversation
SELECT account, unread, last FROM conversations WHERE name = ?;

-- name: message by row
SELECT * FROM entries WHERE id = ?;

-- name: last messages
SELECT * FROM entries WHERE id IN (SELECT last FROM conversations WHERE last IS NOT NULL);

-- name: refresh last
UPDATE conversations SET (last, active) = (
	SELECT m.id, m.ord FROM messages m
	WHERE m.conversation = conversations.id AND m.hidden = 0
	ORDER BY m.ord DESC, m.event DESC LIMIT 1)
WHERE id = ? AND EXISTS (
	SELECT 1 FROM messages m WHERE m.conversation = conversations.id AND m.hidden = 0);

-- name: add unread
UPDATE conversations SET unread = unread + ?2 WHERE id = ?1;

-- name: count unread
UPDATE conversations SET unread = (
	SELECT count(*) FROM authors a
	JOIN events e ON e.author = a.id AND e.seq > a.read
	JOIN messages m ON m.id = e.id
	WHERE a.conversation = conversations.id AND a.account <> ?2 AND NOT m.hidden AND NOT m.deleted)
WHERE id = ?1;

-- name: newest readable
SELECT e.seq FROM events e JOIN messages m ON m.id = e.id
WHERE e.author = ?1 AND e.seq > ?2 AND NOT m.hidden AND (m.ord, m.event) <= (?3, ?4)
ORDER BY e.seq DESC LIMIT 1;

-- name: others
SELECT id, read FROM authors WHERE conversation = ? AND account <> ?;

-- name: accounts authors
SELECT id FROM authors WHERE conversation = ? AND account = ?;

-- name: set read
UPDATE authors SET read = ?2 WHERE id = ?1;

-- name: hidden messages
SELECT id, event FROM messages WHERE author = ? AND hidden = 1;

-- name: show message
UPDATE messages SET hidden = 0 WHERE id = ?;
