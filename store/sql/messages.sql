-- name: insert message
INSERT INTO messages (id, conversation, ord, seq, author, event, sent,
                      text, reply_to, edited, deleted, hidden, reactions, mentions, mentions_me, kind, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: update message
UPDATE messages SET text = ?2, edited = ?3, deleted = ?4, reactions = ?5, mentions = ?6, mentions_me = ?7, body = ?8
WHERE id = ?1;

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

-- name: message by row
SELECT * FROM entries WHERE id = ?;

-- name: refresh last
UPDATE conversations SET (last, active) = (
	SELECT m.id, m.ord FROM messages m
	WHERE m.conversation = conversations.id AND m.hidden = 0
	ORDER BY m.ord DESC, m.event DESC LIMIT 1)
WHERE id = ? AND EXISTS (
	SELECT 1 FROM messages m WHERE m.conversation = conversations.id AND m.hidden = 0);

-- name: add unread
UPDATE conversations SET unread = unread + ?2, mentioned = mentioned + ?3 WHERE id = ?1;

-- name: count unread
UPDATE conversations SET (unread, mentioned) = (
	SELECT count(*), coalesce(sum(m.mentions_me), 0) FROM authors a
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
SELECT id, event, hidden FROM messages WHERE author = ? AND hidden <> 0;

-- name: veil
SELECT hidden FROM messages WHERE id = ?;

-- name: set veil
UPDATE messages SET hidden = ?2 WHERE id = ?1;

-- name: recount last
UPDATE conversations SET
	last = (SELECT m.id FROM messages m WHERE m.conversation = conversations.id AND m.hidden = 0
	        ORDER BY m.ord DESC, m.event DESC LIMIT 1),
	active = coalesce((SELECT max(m.ord) FROM messages m WHERE m.conversation = conversations.id AND m.hidden = 0), 0)
WHERE id = ?;

-- name: note
SELECT * FROM entries WHERE id = (SELECT m.id FROM messages m WHERE m.kind = 0 AND m.event = ?);

-- name: insert note
INSERT OR IGNORE INTO messages (id, conversation, ord, seq, author, event, sent, text, deleted, hidden, kind, body)
SELECT min(coalesce(min(m.id), 0), 0) - 1, ?1, ?2, 0, 0, ?3, ?4, '', 0, 0, 0, ?5 FROM messages m;

-- name: delete notes
DELETE FROM messages WHERE conversation = ? AND kind = 0;

-- name: files before
SELECT * FROM entries WHERE id IN (
	SELECT m.id FROM messages m INDEXED BY messages_files
	WHERE m.conversation = ?1 AND m.kind > 4 AND m.hidden = 0 AND m.deleted = 0 AND (m.ord, m.event) < (?2, ?3)
	ORDER BY m.ord DESC, m.event DESC LIMIT ?4)
ORDER BY ord DESC, event DESC;

-- name: all files before
SELECT * FROM entries WHERE id IN (
	SELECT m.id FROM messages m INDEXED BY messages_files_all
	WHERE m.kind > 4 AND m.hidden = 0 AND m.deleted = 0 AND (m.ord, m.event) < (?1, ?2)
	ORDER BY m.ord DESC, m.event DESC LIMIT ?3)
ORDER BY ord DESC, event DESC;
