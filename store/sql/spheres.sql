-- name: make sphere
UPDATE conversations SET sphere = 1 WHERE id = ?;

-- name: put sphere
INSERT OR REPLACE INTO spheres (conversation, state, inviter, name, joined, settings)
VALUES (?, ?, ?, ?, ?, ?);

-- name: spheres
SELECT c.name, s.state, s.inviter, s.name, s.joined, s.settings
FROM spheres s JOIN conversations c ON c.id = s.conversation;

-- name: delete sphere
DELETE FROM spheres WHERE conversation = ?;

-- name: delete records
DELETE FROM records WHERE conversation = ?;

-- name: delete members
DELETE FROM members WHERE conversation = ?;

-- name: delete exemptions
DELETE FROM exempt WHERE conversation = ?;

-- name: delete sphere invites
DELETE FROM sphere_invites WHERE sphere = ?;

-- name: any author
SELECT 1 FROM authors WHERE conversation = ? LIMIT 1;

-- name: delete marks
DELETE FROM marks WHERE conversation = ?;

-- name: delete steps
DELETE FROM steps WHERE conversation = ?;

-- name: delete conversation
DELETE FROM conversations WHERE id = ?;

-- name: put record
INSERT OR IGNORE INTO records (conversation, record, account, device, raw, proof, certificate)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: records
SELECT r.record, r.account, r.device, r.raw, r.proof, r.certificate
FROM records r WHERE r.conversation = (SELECT id FROM conversations WHERE name = ?1)
ORDER BY r.id LIMIT ?2;

-- name: put sphere invite
INSERT OR REPLACE INTO sphere_invites (sphere, account, at) VALUES (?, ?, ?);

-- name: delete sphere invite
DELETE FROM sphere_invites WHERE sphere = ? AND account = ?;

-- name: sphere invites
SELECT sphere, account, at FROM sphere_invites ORDER BY at, sphere, account;

-- name: members
SELECT account FROM members WHERE conversation = ?;

-- name: put member
INSERT INTO members (conversation, account) VALUES (?, ?);

-- name: exempt member
INSERT INTO exempt (conversation, author, account, seq, read)
SELECT conversation, device, ?2, delivered, seen FROM authors
WHERE conversation = ?1 AND account = ?3 AND delivered > 0;

-- name: delete member
DELETE FROM members WHERE conversation = ? AND account = ?;

-- name: delete exemption
DELETE FROM exempt WHERE conversation = ? AND account = ?;

-- In a sphere: of every member the furthest of their devices; of these the
-- least (all have it) and the most (somebody has it). Only own authors matter.
-- When nobody else is left, what was delivered stays so.
-- name: refresh delivered in sphere
UPDATE authors SET (delivered, held, seen) = (
	SELECT min(max(seq, least)), max(seq), min(max(read, least_read)) FROM (
		SELECT coalesce(m.seq, 0) AS seq, coalesce(m.read, 0) AS read,
		       coalesce(x.seq, 0) AS least, coalesce(x.read, 0) AS least_read
		FROM members b
		LEFT JOIN exempt x ON x.conversation = b.conversation AND x.author = authors.device AND x.account = b.account
		LEFT JOIN (
			SELECT account, max(seq) AS seq, max(read) AS read FROM marks
			WHERE conversation = authors.conversation AND author = authors.device GROUP BY account
		) m ON m.account = b.account
		WHERE b.conversation = authors.conversation))
WHERE conversation = ?1 AND account = ?2
AND EXISTS (SELECT 1 FROM members WHERE conversation = ?1);

-- name: members marks
SELECT max(m.seq), max(m.read)
FROM members b JOIN marks m ON m.conversation = b.conversation AND m.author = ?2 AND m.account = b.account
WHERE b.conversation = ?1 GROUP BY b.account;
