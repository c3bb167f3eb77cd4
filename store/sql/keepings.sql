-- name: put keeping
INSERT OR REPLACE INTO keepings (hub, infohash, state, size, until, heard) VALUES (?, ?, ?, ?, ?, ?);

-- name: delete keeping
DELETE FROM keepings WHERE hub = ? AND infohash = ?;

-- name: keepings
SELECT hub, infohash, state, size, until, heard FROM keepings WHERE hub = ?;

-- name: held
SELECT h.event, h.conversation, h.infohash, h.state, m.sent FROM holdings h, messages m
WHERE m.event = h.event AND h.state <> 'offered' AND m.sent >= ?
ORDER BY m.sent, m.ord, h.event;
