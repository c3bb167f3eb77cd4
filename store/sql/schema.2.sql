-- Schema 2: people arrange the list of conversations, leave drafts, and mention
-- each other.

ALTER TABLE conversations ADD COLUMN pinned    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN archived  INTEGER NOT NULL DEFAULT 0;  -- and then not pinned
ALTER TABLE conversations ADD COLUMN mentioned INTEGER NOT NULL DEFAULT 0;  -- how many of the unread mention this account

-- The order of the list; the ID breaks ties, so that a page has one end.
CREATE INDEX conversations_list ON conversations (archived, pinned, active, name);
CREATE INDEX conversations_all  ON conversations (pinned, active, name);

-- Beside the conversations, whose rows every message writes anew.
CREATE TABLE drafts (
	conversation INTEGER PRIMARY KEY,
	text         TEXT NOT NULL,
	reply_to     BLOB,
	mentions     TEXT                 -- as in messages
) STRICT;

ALTER TABLE messages ADD COLUMN mentions    TEXT;                         -- JSON of []kith.Mention
ALTER TABLE messages ADD COLUMN mentions_me INTEGER NOT NULL DEFAULT 0;  -- one of them is this account
