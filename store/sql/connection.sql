-- Run on every connection when it is opened. The view is temporary, so that it
-- changes with the program and needs no migration.

CREATE TEMP VIEW entries AS
SELECT m.id, m.event, c.name AS conversation, a.device, a.account, m.seq, m.ord,
       m.sent, m.text, m.reply_to, m.edited, m.deleted, m.reactions,
       m.mentions, m.hidden, m.body,
       a.read, a.delivered, a.seen, a.held, m.conversation AS cid -- for conditions
FROM main.messages m
JOIN main.conversations c ON c.id = m.conversation
LEFT JOIN main.authors a ON a.id = m.author; -- a note has none
