-- Each of these gives the columns that scanConversation reads.

-- name: one conversation
SELECT c.name, c.account, c.unread, c.mentioned, c.pinned, c.archived, c.sphere, c.last,
       d.conversation, d.text, d.reply_to, d.mentions
FROM conversations c LEFT JOIN drafts d ON d.conversation = c.id
WHERE c.name = ?;

-- name: conversations
SELECT c.name, c.account, c.unread, c.mentioned, c.pinned, c.archived, c.sphere, c.last,
       d.conversation, d.text, d.reply_to, d.mentions
FROM conversations c LEFT JOIN drafts d ON d.conversation = c.id
WHERE (c.pinned, c.active, c.name) < (?1, ?2, ?3)
ORDER BY c.pinned DESC, c.active DESC, c.name DESC LIMIT ?4;

-- name: conversations by archive
SELECT c.name, c.account, c.unread, c.mentioned, c.pinned, c.archived, c.sphere, c.last,
       d.conversation, d.text, d.reply_to, d.mentions
FROM conversations c LEFT JOIN drafts d ON d.conversation = c.id
WHERE c.archived = ?5 AND (c.pinned, c.active, c.name) < (?1, ?2, ?3)
ORDER BY c.pinned DESC, c.active DESC, c.name DESC LIMIT ?4;

-- name: place in list
SELECT pinned, active FROM conversations WHERE name = ?;

-- name: arrangement
SELECT pinned, archived FROM conversations WHERE id = ?;

-- name: arrange
UPDATE conversations SET pinned = ?2, archived = ?3 WHERE id = ?1;

-- name: put draft
INSERT OR REPLACE INTO drafts (conversation, text, reply_to, mentions) VALUES (?, ?, ?, ?);

-- name: delete draft
DELETE FROM drafts WHERE conversation = ?;

-- name: count conversations
SELECT count(*) FROM conversations;

-- name: count messages
SELECT (SELECT count(*) FROM messages WHERE hidden = 0) - (SELECT count(*) FROM messages WHERE kind = 0);
