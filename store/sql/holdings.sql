-- name: put folder
INSERT OR REPLACE INTO folders (conversation, path, fetch, most) VALUES (?, ?, ?, ?);

-- name: folders
SELECT conversation, path, fetch, most FROM folders;

-- name: put holding
INSERT OR REPLACE INTO holdings (event, conversation, infohash, state, path, source, replaces, link, kept)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: delete holding
DELETE FROM holdings WHERE event = ?;

-- name: holdings
SELECT event, conversation, infohash, state, path, source, replaces, link, kept FROM holdings;

-- name: unheld
SELECT m.event FROM messages m INDEXED BY messages_files_all
WHERE m.kind > 4 AND m.hidden = 0 AND m.deleted = 0
AND NOT EXISTS (SELECT 1 FROM holdings h WHERE h.event = m.event)
ORDER BY m.ord, m.event;

-- name: withdrawn
SELECT h.event FROM holdings h WHERE NOT EXISTS (
	SELECT 1 FROM messages m WHERE m.event = h.event AND m.hidden = 0 AND m.deleted = 0);

-- name: put glance
INSERT OR REPLACE INTO glances (conversation, path, size, modified, inode, link) VALUES (?, ?, ?, ?, ?, ?);

-- name: delete glance
DELETE FROM glances WHERE conversation = ? AND path = ?;

-- name: delete glances
DELETE FROM glances WHERE conversation = ?;

-- name: glances
SELECT path, size, modified, inode, link FROM glances WHERE conversation = ?;
