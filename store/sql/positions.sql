-- name: message at
SELECT ord, event FROM messages WHERE conversation = ?1 AND hidden = 0
ORDER BY ord, event LIMIT 1 OFFSET max(?2, 0);

-- name: message since
SELECT ord, event FROM messages WHERE conversation = ?1 AND hidden = 0 AND ord >= ?2
ORDER BY ord, event LIMIT 1;

-- name: newest message
SELECT ord, event FROM messages WHERE conversation = ?1 AND hidden = 0
ORDER BY ord DESC, event DESC LIMIT 1;

-- name: count messages before
SELECT count(*) FROM messages WHERE conversation = ?1 AND hidden = 0 AND (ord, event) < (?2, ?3);

-- name: count messages after
SELECT count(*) FROM messages WHERE conversation = ?1 AND hidden = 0 AND (ord, event) > (?2, ?3);
