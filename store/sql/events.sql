-- name: conversation
SELECT id, highest, account, archived, sphere FROM conversations WHERE name = ?;

-- name: insert conversation
INSERT INTO conversations (name) VALUES (?);

-- name: set conversation account
UPDATE conversations SET account = ?2 WHERE id = ?1 AND account IS NOT ?2;

-- name: raise highest
UPDATE conversations SET highest = max(highest, ?2) WHERE id = ?1;

-- name: author
SELECT id, account, seq, read FROM authors WHERE conversation = ? AND device = ?;

-- name: insert author
INSERT INTO authors (conversation, device, account) VALUES (?, ?, ?);

-- name: set author seq
UPDATE authors SET seq = ?2, event = ?3 WHERE id = ?1;

-- name: pass over
UPDATE authors SET seq = ?2, event = x'' WHERE id = ?1;

-- name: set certificate
UPDATE authors SET certificate = ?2 WHERE id = ?1 AND certificate <> ?2;

-- name: certificate
SELECT a.certificate FROM authors a JOIN conversations c ON c.id = a.conversation
WHERE c.name = ? AND a.device = ?;

-- name: authors
SELECT device, account, seq, event, read FROM authors WHERE conversation = ?;

-- name: devices of account
SELECT DISTINCT device FROM authors WHERE account = ? ORDER BY device;

-- name: device authors
SELECT a.id, a.conversation, c.name, a.seq
FROM authors a JOIN conversations c ON c.id = a.conversation
WHERE a.device = ?;

-- name: free id
SELECT coalesce(max(id) + 1, ?1) FROM events WHERE id >= ?1 AND id < ?1 + 512;

-- name: id taken
SELECT 1 FROM events WHERE id = ?;

-- name: insert event
INSERT INTO events (id, author, seq, event, target, state, raw, proof)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: event twin
SELECT a.account, a.conversation
FROM events e JOIN authors a ON a.id = e.author
WHERE e.event = ? LIMIT 1;

-- name: set event state
UPDATE events SET state = ?2 WHERE id = ?1;

-- name: number event anew
UPDATE events SET author = ?2, seq = ?3, raw = ?4, proof = ?5 WHERE id = ?1;

-- name: number message anew
UPDATE messages SET author = ?2, seq = ?3 WHERE id = ?1;

-- name: events of author
SELECT e.id, e.event, e.state, e.raw, e.proof, a.account, a.device, e.seq, c.name
FROM events e JOIN authors a ON a.id = e.author JOIN conversations c ON c.id = a.conversation
WHERE e.author = ? AND e.seq > ?
ORDER BY e.seq LIMIT ?;

-- name: events about
SELECT e.id, e.event, e.state, e.raw, e.proof, a.account, a.device, e.seq, c.name
FROM events e JOIN authors a ON a.id = e.author JOIN conversations c ON c.id = a.conversation
WHERE e.target = ?1 AND a.conversation = ?2
ORDER BY e.id;

-- name: withheld events
SELECT e.id, e.event, e.state, e.raw, e.proof, a.account, a.device, e.seq, c.name
FROM events e JOIN authors a ON a.id = e.author JOIN conversations c ON c.id = a.conversation
WHERE e.author = ? AND e.state IN (2, 6);

-- name: events named
SELECT e.id, e.event, e.state, e.raw, e.proof, a.account, a.device, e.seq, c.name
FROM events e JOIN authors a ON a.id = e.author JOIN conversations c ON c.id = a.conversation
WHERE e.event = ?1 AND a.conversation = ?2;

-- name: event by id
SELECT e.id, e.event, e.state, e.raw, e.proof, a.account, a.device, e.seq, c.name
FROM events e JOIN authors a ON a.id = e.author JOIN conversations c ON c.id = a.conversation
WHERE e.event = ?
ORDER BY e.state, e.id LIMIT 1;

-- name: event by row
SELECT e.id, e.event, e.state, e.raw, e.proof, a.account, a.device, e.seq, c.name
FROM events e JOIN authors a ON a.id = e.author JOIN conversations c ON c.id = a.conversation
WHERE e.id = ?;

-- name: event at
SELECT e.event FROM events e
WHERE e.seq = ?3 AND e.author = (
	SELECT a.id FROM authors a JOIN conversations c ON c.id = a.conversation
	WHERE c.name = ?1 AND a.device = ?2);
