-- name: correspondent
SELECT sessions, drops, told, sent, seen, unanswered, since, wants, wished, granted
FROM correspondents WHERE account = ? AND device = ?;

-- name: correspondents of
SELECT device FROM correspondents WHERE account = ? ORDER BY device;

-- name: correspondents
SELECT account, device, length(sessions) > 0, drops, told, sent, seen, unanswered, since, wants, wished, granted
FROM correspondents;

-- name: put correspondent
INSERT OR REPLACE INTO correspondents
	(account, device, sessions, drops, told, sent, seen, unanswered, since, wants, wished, granted)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: delete correspondent
DELETE FROM correspondents WHERE account = ? AND device = ?;

-- What another device of this account may not go on with: all but where letters
-- may be left.
-- name: end all sessions
UPDATE correspondents SET sessions = x'', told = x'', sent = 0, seen = 0, unanswered = x'', since = 0, wants = 0, wished = 0, granted = 0;

-- name: put prekey
INSERT INTO prekeys (id, account, device, secret, created) VALUES (?, ?, ?, ?, ?);

-- name: prekey
SELECT account, device, secret, created FROM prekeys WHERE id = ?;

-- name: delete prekey
DELETE FROM prekeys WHERE id = ?;

-- name: delete prekeys
DELETE FROM prekeys WHERE account = ? AND device = ?;

-- name: delete all prekeys
DELETE FROM prekeys;

-- name: thin prekeys
DELETE FROM prekeys WHERE id IN (
	SELECT id FROM prekeys WHERE account = ? AND device = ? ORDER BY created DESC, id LIMIT -1 OFFSET ?);

-- name: put bundle
INSERT OR REPLACE INTO bundles (account, device, prekey, bundle) VALUES (?, ?, ?, ?);

-- name: bundle
SELECT prekey, bundle FROM bundles WHERE account = ? AND device = ? LIMIT 1;

-- name: count bundles
SELECT count(*) FROM bundles WHERE account = ? AND device = ?;

-- name: delete bundle
DELETE FROM bundles WHERE account = ? AND device = ? AND prekey = ?;

-- name: delete bundles
DELETE FROM bundles WHERE account = ? AND device = ?;

-- name: delete all bundles
DELETE FROM bundles;

-- name: put mailed
INSERT OR REPLACE INTO mailed (conversation, author, account, device, first, last, letter, hub, until)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: mailed to
SELECT conversation, author, account, device, first, last, letter, hub, until
FROM mailed WHERE account = ? AND device = ? ORDER BY conversation, author, first;

-- name: held for
SELECT conversation, author, account, device, first, last, letter, hub, until
FROM mailed WHERE conversation = ? AND author = ? AND first <= ?3 AND last >= ?3;

-- name: mailed in
SELECT 1 FROM mailed WHERE account = ? AND device = ? AND conversation = ? LIMIT 1;

-- name: delete mailed in
DELETE FROM mailed WHERE account = ? AND device = ? AND conversation = ?;

-- name: delete mailed up to
DELETE FROM mailed WHERE conversation = ? AND author = ? AND account = ? AND device = ? AND last <= ?;

-- name: delete mailed in letters
DELETE FROM mailed WHERE account = ? AND device = ? AND conversation = ? AND letter <= ?;

-- name: delete mailed
DELETE FROM mailed WHERE account = ? AND device = ?;

-- name: delete all mailed
DELETE FROM mailed;

-- name: put heard
INSERT OR REPLACE INTO heard (account, device, conversation, heads) VALUES (?, ?, ?, ?);

-- name: heard
SELECT heads FROM heard WHERE account = ? AND device = ? AND conversation = ?;

-- name: delete heard
DELETE FROM heard WHERE account = ? AND device = ?;

-- name: owed
SELECT a.device, a.seq, coalesce((
	SELECT m.seq FROM marks m
	WHERE m.conversation = a.conversation AND m.author = a.device AND m.account = ?3 AND m.device = ?4), 0)
FROM authors a JOIN conversations c ON c.id = a.conversation
WHERE c.name = ?1 AND a.account = ?2;

-- name: event of author at
SELECT event FROM events WHERE author = ? AND seq = ?;

-- name: put early
INSERT OR REPLACE INTO early (author, seq, raw, proof, after, at) VALUES (?, ?, ?, ?, ?, ?);

-- name: early size
SELECT count(*), coalesce(sum(length(raw) + length(proof)), 0) FROM early WHERE author = ?;

-- name: early
SELECT seq, raw, proof, after FROM early WHERE author = ? AND seq > ? ORDER BY seq;

-- name: delete early
DELETE FROM early WHERE author = ? AND seq <= ?;

-- name: delete old early
DELETE FROM early WHERE at < ?;
